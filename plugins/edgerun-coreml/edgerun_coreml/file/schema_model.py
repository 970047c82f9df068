"""Messages of the model file itself: descriptions, feature types, pipelines, non-maximum suppression.

Field names, numbers and types are those of Apple's public format description (the .proto files of
coremltools, Copyright (c) 2017-2025 Apple Inc., BSD-3-Clause); the notation is explained in
:mod:`edgerun_coreml.file.schema`.
"""

MODEL = """\
Pipeline: 1 models Model*, 2 names string*
PipelineClassifier PipelineRegressor: 1 pipeline Pipeline
FeatureDescription: 1 name string, 2 shortDescription string, 3 type FeatureType
Metadata: 1 shortDescription string, 2 versionString string, 3 author string, 4 license string,
  100 userDefined {string}string
FunctionDescription: 1 name string, 2 input FeatureDescription*, 3 output FeatureDescription*,
  6 state FeatureDescription*, 4 predictedFeatureName string, 5 predictedProbabilitiesName string
ModelDescription: 20 functions FunctionDescription*, 21 defaultFunctionName string, 100 metadata Metadata,
  1 input FeatureDescription*, 10 output FeatureDescription*, 13 state FeatureDescription*,
  11 predictedFeatureName string, 12 predictedProbabilitiesName string
SerializedModel: 1 identifier string, 2 model bytes
Model: 1 specificationVersion int32, 2 description ModelDescription,
  200 Type/pipelineClassifier PipelineClassifier, 201 Type/pipelineRegressor PipelineRegressor,
  202 Type/pipeline Pipeline, 300 Type/glmRegressor GLMRegressor,
  301 Type/supportVectorRegressor SupportVectorRegressor,
  302 Type/treeEnsembleRegressor TreeEnsembleRegressor,
  303 Type/neuralNetworkRegressor NeuralNetworkRegressor,
  304 Type/bayesianProbitRegressor BayesianProbitRegressor, 400 Type/glmClassifier GLMClassifier,
  401 Type/supportVectorClassifier SupportVectorClassifier,
  402 Type/treeEnsembleClassifier TreeEnsembleClassifier,
  403 Type/neuralNetworkClassifier NeuralNetworkClassifier,
  404 Type/kNearestNeighborsClassifier KNearestNeighborsClassifier, 500 Type/neuralNetwork NeuralNetwork,
  501 Type/itemSimilarityRecommender ItemSimilarityRecommender, 502 Type/mlProgram Mil.Program,
  555 Type/customModel CustomModel, 556 Type/linkedModel LinkedModel,
  560 Type/classConfidenceThresholding ClassConfidenceThresholding, 600 Type/oneHotEncoder OneHotEncoder,
  601 Type/imputer Imputer, 602 Type/featureVectorizer FeatureVectorizer,
  603 Type/dictVectorizer DictVectorizer, 604 Type/scaler Scaler,
  606 Type/categoricalMapping CategoricalMapping, 607 Type/normalizer Normalizer,
  609 Type/arrayFeatureExtractor ArrayFeatureExtractor,
  610 Type/nonMaximumSuppression NonMaximumSuppression, 900 Type/identity Identity,
  2000 Type/textClassifier CoreMLModels.TextClassifier, 2001 Type/wordTagger CoreMLModels.WordTagger,
  2002 Type/visionFeaturePrint CoreMLModels.VisionFeaturePrint,
  2003 Type/soundAnalysisPreprocessing CoreMLModels.SoundAnalysisPreprocessing,
  2004 Type/gazetteer CoreMLModels.Gazetteer, 2005 Type/wordEmbedding CoreMLModels.WordEmbedding,
  2006 Type/audioFeaturePrint CoreMLModels.AudioFeaturePrint, 3000 Type/serializedModel SerializedModel
Int64FeatureType DoubleFeatureType StringFeatureType:
SizeRange: 1 lowerBound uint64, 2 upperBound int64
enum ImageFeatureType.ColorSpace: 0 INVALID_COLOR_SPACE, 10 GRAYSCALE, 20 RGB, 30 BGR, 40 GRAYSCALE_FLOAT16
ImageFeatureType: 1 width int64, 2 height int64,
  21 SizeFlexibility/enumeratedSizes ImageFeatureType.EnumeratedImageSizes,
  31 SizeFlexibility/imageSizeRange ImageFeatureType.ImageSizeRange,
  3 colorSpace ImageFeatureType.ColorSpace
ImageFeatureType.ImageSize: 1 width uint64, 2 height uint64
ImageFeatureType.EnumeratedImageSizes: 1 sizes ImageFeatureType.ImageSize*
ImageFeatureType.ImageSizeRange: 1 widthRange SizeRange, 2 heightRange SizeRange
enum ArrayFeatureType.ArrayDataType: 0 INVALID_ARRAY_DATA_TYPE, 65568 FLOAT32, 65600 DOUBLE, 131104 INT32,
  131080 INT8, 65552 FLOAT16
ArrayFeatureType: 1 shape int64*, 2 dataType ArrayFeatureType.ArrayDataType,
  21 ShapeFlexibility/enumeratedShapes ArrayFeatureType.EnumeratedShapes,
  31 ShapeFlexibility/shapeRange ArrayFeatureType.ShapeRange, 41 defaultOptionalValue/intDefaultValue int32,
  51 defaultOptionalValue/floatDefaultValue float, 61 defaultOptionalValue/doubleDefaultValue double
ArrayFeatureType.Shape: 1 shape int64*
ArrayFeatureType.EnumeratedShapes: 1 shapes ArrayFeatureType.Shape*
ArrayFeatureType.ShapeRange: 1 sizeRanges SizeRange*
DictionaryFeatureType: 1 KeyType/int64KeyType Int64FeatureType, 2 KeyType/stringKeyType StringFeatureType
SequenceFeatureType: 1 Type/int64Type Int64FeatureType, 3 Type/stringType StringFeatureType,
  101 sizeRange SizeRange
StateFeatureType: 1 Type/arrayType ArrayFeatureType
FeatureType: 1 Type/int64Type Int64FeatureType, 2 Type/doubleType DoubleFeatureType,
  3 Type/stringType StringFeatureType, 4 Type/imageType ImageFeatureType,
  5 Type/multiArrayType ArrayFeatureType, 6 Type/dictionaryType DictionaryFeatureType,
  7 Type/sequenceType SequenceFeatureType, 8 Type/stateType StateFeatureType, 1000 isOptional bool
StringToInt64Map: 1 map {string}int64
Int64ToStringMap: 1 map {int64}string
StringToDoubleMap: 1 map {string}double
Int64ToDoubleMap: 1 map {int64}double
StringVector: 1 vector string*
Int64Vector: 1 vector int64*
FloatVector: 1 vector float*
DoubleVector: 1 vector double*
NonMaximumSuppression: 1 SuppressionMethod/pickTop NonMaximumSuppression.PickTop,
  100 ClassLabels/stringClassLabels StringVector, 101 ClassLabels/int64ClassLabels Int64Vector,
  110 iouThreshold double, 111 confidenceThreshold double, 200 confidenceInputFeatureName string,
  201 coordinatesInputFeatureName string, 202 iouThresholdInputFeatureName string,
  203 confidenceThresholdInputFeatureName string, 210 confidenceOutputFeatureName string,
  211 coordinatesOutputFeatureName string
NonMaximumSuppression.PickTop: 1 perClass bool
"""
