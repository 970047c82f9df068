"""Messages of ML Programs (MIL).

Field names, numbers and types are those of Apple's public format description (the .proto files of
coremltools, Copyright (c) 2017-2025 Apple Inc., BSD-3-Clause); the notation is explained in
:mod:`edgerun_coreml.file.schema`.
"""

MIL = """\
enum Mil.DataType: 0 UNUSED_TYPE, 1 BOOL, 2 STRING, 40 FLOAT8E4M3FN, 41 FLOAT8E5M2, 10 FLOAT16, 11 FLOAT32,
  12 FLOAT64, 13 BFLOAT16, 21 INT8, 22 INT16, 23 INT32, 24 INT64, 25 INT4, 31 UINT8, 32 UINT16, 33 UINT32,
  34 UINT64, 35 UINT4, 36 UINT2, 37 UINT1, 38 UINT6, 39 UINT3
Mil.Program: 1 version int64, 2 functions {string}Mil.Function, 3 docString string,
  4 attributes {string}Mil.Value
Mil.Function: 1 inputs Mil.NamedValueType*, 2 opset string, 3 block_specializations {string}Mil.Block,
  4 attributes {string}Mil.Value
Mil.Block: 1 inputs Mil.NamedValueType*, 2 outputs string*, 3 operations Mil.Operation*,
  4 attributes {string}Mil.Value
Mil.Argument: 1 arguments Mil.Argument.Binding*
Mil.Argument.Binding: 1 binding/name string, 2 binding/value Mil.Value
Mil.Operation: 1 type string, 2 inputs {string}Mil.Argument, 3 outputs Mil.NamedValueType*,
  4 blocks Mil.Block*, 5 attributes {string}Mil.Value
Mil.NamedValueType: 1 name string, 2 type Mil.ValueType
Mil.ValueType: 1 type/tensorType Mil.TensorType, 2 type/listType Mil.ListType,
  3 type/tupleType Mil.TupleType, 4 type/dictionaryType Mil.DictionaryType, 5 type/stateType Mil.StateType
Mil.TensorType: 1 dataType Mil.DataType, 2 rank int64, 3 dimensions Mil.Dimension*,
  4 attributes {string}Mil.Value
Mil.TupleType: 1 types Mil.ValueType*
Mil.ListType: 1 type Mil.ValueType, 2 length Mil.Dimension
Mil.DictionaryType: 1 keyType Mil.ValueType, 2 valueType Mil.ValueType
Mil.StateType: 1 wrappedType Mil.ValueType
Mil.Dimension: 1 dimension/constant Mil.Dimension.ConstantDimension,
  2 dimension/unknown Mil.Dimension.UnknownDimension
Mil.Dimension.ConstantDimension: 1 size uint64
Mil.Dimension.UnknownDimension: 1 variadic bool
Mil.Value: 1 docString string, 2 type Mil.ValueType, 3 value/immediateValue Mil.Value.ImmediateValue,
  5 value/blobFileValue Mil.Value.BlobFileValue
Mil.Value.ImmediateValue: 1 value/tensor Mil.TensorValue, 2 value/tuple Mil.TupleValue,
  3 value/list Mil.ListValue, 4 value/dictionary Mil.DictionaryValue
Mil.Value.BlobFileValue: 1 fileName string, 2 offset uint64
Mil.TensorValue: 1 value/floats Mil.TensorValue.RepeatedFloats, 2 value/ints Mil.TensorValue.RepeatedInts,
  3 value/bools Mil.TensorValue.RepeatedBools, 4 value/strings Mil.TensorValue.RepeatedStrings,
  5 value/longInts Mil.TensorValue.RepeatedLongInts, 6 value/doubles Mil.TensorValue.RepeatedDoubles,
  7 value/bytes Mil.TensorValue.RepeatedBytes
Mil.TensorValue.RepeatedFloats: 1 values float*
Mil.TensorValue.RepeatedDoubles: 1 values double*
Mil.TensorValue.RepeatedInts: 1 values int32*
Mil.TensorValue.RepeatedLongInts: 1 values int64*
Mil.TensorValue.RepeatedBools: 1 values bool*
Mil.TensorValue.RepeatedStrings: 1 values string*
Mil.TensorValue.RepeatedBytes: 1 values bytes
Mil.TupleValue Mil.ListValue: 1 values Mil.Value*
Mil.DictionaryValue: 1 values Mil.DictionaryValue.KeyValuePair*
Mil.DictionaryValue.KeyValuePair: 1 key Mil.Value, 2 value Mil.Value
"""
