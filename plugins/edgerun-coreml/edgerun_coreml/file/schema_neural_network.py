"""Messages of NeuralNetwork models: the network, its preprocessing and every layer.

Field names, numbers and types are those of Apple's public format description (the .proto files of
coremltools, Copyright (c) 2017-2025 Apple Inc., BSD-3-Clause); the notation is explained in
:mod:`edgerun_coreml.file.schema`.
"""

NEURAL_NETWORK = """\
enum NeuralNetworkMultiArrayShapeMapping: 0 RANK5_ARRAY_MAPPING, 1 EXACT_ARRAY_MAPPING
enum NeuralNetworkImageShapeMapping: 0 RANK5_IMAGE_MAPPING, 1 RANK4_IMAGE_MAPPING
enum ScatterMode: 0 SCATTER_UPDATE, 1 SCATTER_ADD, 2 SCATTER_SUB, 3 SCATTER_MUL, 4 SCATTER_DIV,
  5 SCATTER_MAX, 6 SCATTER_MIN
NeuralNetwork NeuralNetworkRegressor: 1 layers NeuralNetworkLayer*,
  2 preprocessing NeuralNetworkPreprocessing*, 5 arrayInputShapeMapping NeuralNetworkMultiArrayShapeMapping,
  6 imageInputShapeMapping NeuralNetworkImageShapeMapping
NeuralNetworkImageScaler: 10 channelScale float, 20 blueBias float, 21 greenBias float, 22 redBias float,
  30 grayBias float
NeuralNetworkMeanImage: 1 meanImage float*
NeuralNetworkPreprocessing: 1 featureName string, 10 preprocessor/scaler NeuralNetworkImageScaler,
  11 preprocessor/meanImage NeuralNetworkMeanImage
ActivationReLU ActivationTanh ActivationSigmoid ActivationSoftsign ActivationSoftplus LoopBreakLayerParams
  LoopContinueLayerParams CopyLayerParams LogicalAndLayerParams LogicalOrLayerParams LogicalXorLayerParams
  LogicalNotLayerParams PaddingLayerParams.PaddingReflection PaddingLayerParams.PaddingReplication
  SoftmaxLayerParams AverageLayerParams MaxLayerParams MinLayerParams WhereBroadcastableLayerParams
  SinLayerParams CosLayerParams TanLayerParams AsinLayerParams AcosLayerParams AtanLayerParams
  SinhLayerParams CoshLayerParams TanhLayerParams AsinhLayerParams AcoshLayerParams AtanhLayerParams
  PowBroadcastableLayerParams Exp2LayerParams WhereNonZeroLayerParams BroadcastToLikeLayerParams
  BroadcastToDynamicLayerParams AddBroadcastableLayerParams MaxBroadcastableLayerParams
  MinBroadcastableLayerParams ModBroadcastableLayerParams FloorDivBroadcastableLayerParams
  SubtractBroadcastableLayerParams MultiplyBroadcastableLayerParams DivideBroadcastableLayerParams
  GatherNDLayerParams ReshapeLikeLayerParams ReshapeDynamicLayerParams CeilLayerParams RoundLayerParams
  FloorLayerParams SignLayerParams GetShapeLayerParams ErfLayerParams:
ActivationLeakyReLU ActivationELU ActivationThresholdedReLU EqualLayerParams NotEqualLayerParams
  AddLayerParams MultiplyLayerParams: 1 alpha float
ActivationScaledTanh ActivationLinear ActivationSigmoidHard ClampedReLULayerParams: 1 alpha float,
  2 beta float
ActivationPReLU: 1 alpha WeightParams
ActivationParametricSoftplus: 1 alpha WeightParams, 2 beta WeightParams
ActivationParams: 5 NonlinearityType/linear ActivationLinear, 10 NonlinearityType/ReLU ActivationReLU,
  15 NonlinearityType/leakyReLU ActivationLeakyReLU,
  20 NonlinearityType/thresholdedReLU ActivationThresholdedReLU, 25 NonlinearityType/PReLU ActivationPReLU,
  30 NonlinearityType/tanh ActivationTanh, 31 NonlinearityType/scaledTanh ActivationScaledTanh,
  40 NonlinearityType/sigmoid ActivationSigmoid, 41 NonlinearityType/sigmoidHard ActivationSigmoidHard,
  50 NonlinearityType/ELU ActivationELU, 60 NonlinearityType/softsign ActivationSoftsign,
  70 NonlinearityType/softplus ActivationSoftplus,
  71 NonlinearityType/parametricSoftplus ActivationParametricSoftplus
Tensor: 1 rank uint32, 2 dimValue int64*
NeuralNetworkLayer: 1 name string, 2 input string*, 3 output string*, 4 inputTensor Tensor*,
  5 outputTensor Tensor*, 100 layer/convolution ConvolutionLayerParams,
  120 layer/pooling PoolingLayerParams, 130 layer/activation ActivationParams,
  140 layer/innerProduct InnerProductLayerParams, 150 layer/embedding EmbeddingLayerParams,
  160 layer/batchnorm BatchnormLayerParams, 165 layer/mvn MeanVarianceNormalizeLayerParams,
  170 layer/l2normalize L2NormalizeLayerParams, 175 layer/softmax SoftmaxLayerParams,
  180 layer/lrn LRNLayerParams, 190 layer/crop CropLayerParams, 200 layer/padding PaddingLayerParams,
  210 layer/upsample UpsampleLayerParams, 211 layer/resizeBilinear ResizeBilinearLayerParams,
  212 layer/cropResize CropResizeLayerParams, 220 layer/unary UnaryFunctionLayerParams,
  230 layer/add AddLayerParams, 231 layer/multiply MultiplyLayerParams,
  240 layer/average AverageLayerParams, 245 layer/scale ScaleLayerParams, 250 layer/bias BiasLayerParams,
  260 layer/max MaxLayerParams, 261 layer/min MinLayerParams, 270 layer/dot DotProductLayerParams,
  280 layer/reduce ReduceLayerParams, 290 layer/loadConstant LoadConstantLayerParams,
  300 layer/reshape ReshapeLayerParams, 301 layer/flatten FlattenLayerParams,
  310 layer/permute PermuteLayerParams, 320 layer/concat ConcatLayerParams,
  330 layer/split SplitLayerParams, 340 layer/sequenceRepeat SequenceRepeatLayerParams,
  345 layer/reorganizeData ReorganizeDataLayerParams, 350 layer/slice SliceLayerParams,
  400 layer/simpleRecurrent SimpleRecurrentLayerParams, 410 layer/gru GRULayerParams,
  420 layer/uniDirectionalLSTM UniDirectionalLSTMLayerParams,
  430 layer/biDirectionalLSTM BiDirectionalLSTMLayerParams, 500 layer/custom CustomLayerParams,
  600 layer/copy CopyLayerParams, 605 layer/branch BranchLayerParams, 615 layer/loop LoopLayerParams,
  620 layer/loopBreak LoopBreakLayerParams, 625 layer/loopContinue LoopContinueLayerParams,
  635 layer/rangeStatic RangeStaticLayerParams, 640 layer/rangeDynamic RangeDynamicLayerParams,
  660 layer/clip ClipLayerParams, 665 layer/ceil CeilLayerParams, 670 layer/floor FloorLayerParams,
  680 layer/sign SignLayerParams, 685 layer/round RoundLayerParams, 700 layer/exp2 Exp2LayerParams,
  710 layer/sin SinLayerParams, 715 layer/cos CosLayerParams, 720 layer/tan TanLayerParams,
  730 layer/asin AsinLayerParams, 735 layer/acos AcosLayerParams, 740 layer/atan AtanLayerParams,
  750 layer/sinh SinhLayerParams, 755 layer/cosh CoshLayerParams, 760 layer/tanh TanhLayerParams,
  770 layer/asinh AsinhLayerParams, 775 layer/acosh AcoshLayerParams, 780 layer/atanh AtanhLayerParams,
  790 layer/erf ErfLayerParams, 795 layer/gelu GeluLayerParams, 815 layer/equal EqualLayerParams,
  820 layer/notEqual NotEqualLayerParams, 825 layer/lessThan LessThanLayerParams,
  827 layer/lessEqual LessEqualLayerParams, 830 layer/greaterThan GreaterThanLayerParams,
  832 layer/greaterEqual GreaterEqualLayerParams, 840 layer/logicalOr LogicalOrLayerParams,
  845 layer/logicalXor LogicalXorLayerParams, 850 layer/logicalNot LogicalNotLayerParams,
  855 layer/logicalAnd LogicalAndLayerParams, 865 layer/modBroadcastable ModBroadcastableLayerParams,
  870 layer/minBroadcastable MinBroadcastableLayerParams,
  875 layer/maxBroadcastable MaxBroadcastableLayerParams,
  880 layer/addBroadcastable AddBroadcastableLayerParams,
  885 layer/powBroadcastable PowBroadcastableLayerParams,
  890 layer/divideBroadcastable DivideBroadcastableLayerParams,
  895 layer/floorDivBroadcastable FloorDivBroadcastableLayerParams,
  900 layer/multiplyBroadcastable MultiplyBroadcastableLayerParams,
  905 layer/subtractBroadcastable SubtractBroadcastableLayerParams, 920 layer/tile TileLayerParams,
  925 layer/stack StackLayerParams, 930 layer/gather GatherLayerParams,
  935 layer/scatter ScatterLayerParams, 940 layer/gatherND GatherNDLayerParams,
  945 layer/scatterND ScatterNDLayerParams, 950 layer/softmaxND SoftmaxNDLayerParams,
  952 layer/gatherAlongAxis GatherAlongAxisLayerParams,
  954 layer/scatterAlongAxis ScatterAlongAxisLayerParams, 960 layer/reverse ReverseLayerParams,
  965 layer/reverseSeq ReverseSeqLayerParams, 975 layer/splitND SplitNDLayerParams,
  980 layer/concatND ConcatNDLayerParams, 985 layer/transpose TransposeLayerParams,
  995 layer/sliceStatic SliceStaticLayerParams, 1000 layer/sliceDynamic SliceDynamicLayerParams,
  1005 layer/slidingWindows SlidingWindowsLayerParams, 1015 layer/topK TopKLayerParams,
  1020 layer/argMin ArgMinLayerParams, 1025 layer/argMax ArgMaxLayerParams,
  1040 layer/embeddingND EmbeddingNDLayerParams, 1045 layer/batchedMatmul BatchedMatMulLayerParams,
  1065 layer/getShape GetShapeLayerParams, 1070 layer/loadConstantND LoadConstantNDLayerParams,
  1080 layer/fillLike FillLikeLayerParams, 1085 layer/fillStatic FillStaticLayerParams,
  1090 layer/fillDynamic FillDynamicLayerParams, 1100 layer/broadcastToLike BroadcastToLikeLayerParams,
  1105 layer/broadcastToStatic BroadcastToStaticLayerParams,
  1110 layer/broadcastToDynamic BroadcastToDynamicLayerParams, 1120 layer/squeeze SqueezeLayerParams,
  1125 layer/expandDims ExpandDimsLayerParams, 1130 layer/flattenTo2D FlattenTo2DLayerParams,
  1135 layer/reshapeLike ReshapeLikeLayerParams, 1140 layer/reshapeStatic ReshapeStaticLayerParams,
  1145 layer/reshapeDynamic ReshapeDynamicLayerParams,
  1150 layer/rankPreservingReshape RankPreservingReshapeLayerParams,
  1155 layer/constantPad ConstantPaddingLayerParams,
  1170 layer/randomNormalLike RandomNormalLikeLayerParams,
  1175 layer/randomNormalStatic RandomNormalStaticLayerParams,
  1180 layer/randomNormalDynamic RandomNormalDynamicLayerParams,
  1190 layer/randomUniformLike RandomUniformLikeLayerParams,
  1195 layer/randomUniformStatic RandomUniformStaticLayerParams,
  1200 layer/randomUniformDynamic RandomUniformDynamicLayerParams,
  1210 layer/randomBernoulliLike RandomBernoulliLikeLayerParams,
  1215 layer/randomBernoulliStatic RandomBernoulliStaticLayerParams,
  1220 layer/randomBernoulliDynamic RandomBernoulliDynamicLayerParams,
  1230 layer/categoricalDistribution CategoricalDistributionLayerParams,
  1250 layer/reduceL1 ReduceL1LayerParams, 1255 layer/reduceL2 ReduceL2LayerParams,
  1260 layer/reduceMax ReduceMaxLayerParams, 1265 layer/reduceMin ReduceMinLayerParams,
  1270 layer/reduceSum ReduceSumLayerParams, 1275 layer/reduceProd ReduceProdLayerParams,
  1280 layer/reduceMean ReduceMeanLayerParams, 1285 layer/reduceLogSum ReduceLogSumLayerParams,
  1290 layer/reduceSumSquare ReduceSumSquareLayerParams,
  1295 layer/reduceLogSumExp ReduceLogSumExpLayerParams, 1313 layer/whereNonZero WhereNonZeroLayerParams,
  1315 layer/matrixBandPart MatrixBandPartLayerParams,
  1320 layer/lowerTriangular LowerTriangularLayerParams,
  1325 layer/upperTriangular UpperTriangularLayerParams,
  1330 layer/whereBroadcastable WhereBroadcastableLayerParams,
  1350 layer/layerNormalization LayerNormalizationLayerParams,
  1400 layer/NonMaximumSuppression NonMaximumSuppressionLayerParams, 1450 layer/oneHot OneHotLayerParams,
  1455 layer/cumSum CumSumLayerParams, 1460 layer/clampedReLU ClampedReLULayerParams,
  1461 layer/argSort ArgSortLayerParams, 1465 layer/pooling3d Pooling3DLayerParams,
  1466 layer/globalPooling3d GlobalPooling3DLayerParams, 1470 layer/sliceBySize SliceBySizeLayerParams,
  1471 layer/convolution3d Convolution3DLayerParams
BranchLayerParams: 1 ifBranch NeuralNetwork, 2 elseBranch NeuralNetwork
LoopLayerParams: 1 maxLoopIterations uint64, 2 conditionVar string, 3 conditionNetwork NeuralNetwork,
  4 bodyNetwork NeuralNetwork
GreaterThanLayerParams GreaterEqualLayerParams LessThanLayerParams LessEqualLayerParams: 2 alpha float
BorderAmounts: 10 borderAmounts BorderAmounts.EdgeSizes*
BorderAmounts.EdgeSizes: 1 startEdgeSize uint64, 2 endEdgeSize uint64
ValidPadding: 1 paddingAmounts BorderAmounts
enum SamePadding.SamePaddingMode: 0 BOTTOM_RIGHT_HEAVY, 1 TOP_LEFT_HEAVY
SamePadding: 1 asymmetryMode SamePadding.SamePaddingMode
enum SamplingMode.Method: 0 STRICT_ALIGN_ENDPOINTS_MODE, 1 ALIGN_ENDPOINTS_MODE, 2 UPSAMPLE_MODE,
  3 ROI_ALIGN_MODE
SamplingMode: 1 samplingMethod SamplingMode.Method
enum BoxCoordinatesMode.Coordinates: 0 CORNERS_HEIGHT_FIRST, 1 CORNERS_WIDTH_FIRST,
  2 CENTER_SIZE_HEIGHT_FIRST, 3 CENTER_SIZE_WIDTH_FIRST
BoxCoordinatesMode: 1 boxMode BoxCoordinatesMode.Coordinates
WeightParams: 1 floatValue float*, 2 float16Value bytes, 30 rawValue bytes, 31 int8RawValue bytes,
  40 quantization QuantizationParams
QuantizationParams: 1 numberOfBits uint64, 101 QuantizationType/linearQuantization LinearQuantizationParams,
  102 QuantizationType/lookupTableQuantization LookUpTableQuantizationParams
LinearQuantizationParams: 1 scale float*, 2 bias float*
LookUpTableQuantizationParams: 1 floatValue float*
ConvolutionLayerParams: 1 outputChannels uint64, 2 kernelChannels uint64, 10 nGroups uint64,
  20 kernelSize uint64*, 30 stride uint64*, 40 dilationFactor uint64*,
  50 ConvolutionPaddingType/valid ValidPadding, 51 ConvolutionPaddingType/same SamePadding,
  60 isDeconvolution bool, 70 hasBias bool, 90 weights WeightParams, 91 bias WeightParams,
  100 outputShape uint64*
enum Convolution3DLayerParams.PaddingType: 0 CUSTOM, 1 VALID, 2 SAME
Convolution3DLayerParams: 1 outputChannels int32, 2 inputChannels int32, 10 nGroups int32,
  20 kernelDepth int32, 21 kernelHeight int32, 22 kernelWidth int32, 31 strideDepth int32,
  32 strideHeight int32, 33 strideWidth int32, 40 dilationDepth int32, 41 dilationHeight int32,
  42 dilationWidth int32, 50 hasBias bool, 60 weights WeightParams, 61 bias WeightParams,
  70 paddingType Convolution3DLayerParams.PaddingType, 80 customPaddingFront int32,
  81 customPaddingBack int32, 82 customPaddingTop int32, 83 customPaddingBottom int32,
  84 customPaddingLeft int32, 85 customPaddingRight int32, 86 isDeconvolution bool, 87 outputShape uint64*
InnerProductLayerParams: 1 inputChannels uint64, 2 outputChannels uint64, 10 hasBias bool,
  20 weights WeightParams, 21 bias WeightParams, 22 int8DynamicQuantize bool
EmbeddingLayerParams: 1 inputDim uint64, 2 outputChannels uint64, 10 hasBias bool, 20 weights WeightParams,
  21 bias WeightParams
EmbeddingNDLayerParams: 1 vocabSize uint64, 2 embeddingSize uint64, 3 hasBias bool, 20 weights WeightParams,
  21 bias WeightParams
BatchnormLayerParams: 1 channels uint64, 5 computeMeanVar bool, 6 instanceNormalization bool,
  10 epsilon float, 15 gamma WeightParams, 16 beta WeightParams, 17 mean WeightParams,
  18 variance WeightParams
enum PoolingLayerParams.PoolingType: 0 MAX, 1 AVERAGE, 2 L2
PoolingLayerParams: 1 type PoolingLayerParams.PoolingType, 10 kernelSize uint64*, 20 stride uint64*,
  30 PoolingPaddingType/valid ValidPadding, 31 PoolingPaddingType/same SamePadding,
  32 PoolingPaddingType/includeLastPixel PoolingLayerParams.ValidCompletePadding,
  50 avgPoolExcludePadding bool, 60 globalPooling bool
PoolingLayerParams.ValidCompletePadding: 10 paddingAmounts uint64*
enum Pooling3DLayerParams.PoolingType3D: 0 MAX, 1 AVERAGE
enum Pooling3DLayerParams.Pooling3DPaddingType: 0 CUSTOM, 1 VALID, 2 SAME
Pooling3DLayerParams: 1 type Pooling3DLayerParams.PoolingType3D, 2 kernelDepth int32, 3 kernelHeight int32,
  4 kernelWidth int32, 5 strideDepth int32, 6 strideHeight int32, 7 strideWidth int32,
  15 paddingType Pooling3DLayerParams.Pooling3DPaddingType, 8 customPaddingFront int32,
  9 customPaddingBack int32, 10 customPaddingTop int32, 11 customPaddingBottom int32,
  12 customPaddingLeft int32, 13 customPaddingRight int32, 14 countExcludePadding bool
enum GlobalPooling3DLayerParams.GlobalPoolingType3D: 0 MAX, 1 AVERAGE
GlobalPooling3DLayerParams: 1 type GlobalPooling3DLayerParams.GlobalPoolingType3D
PaddingLayerParams: 1 PaddingType/constant PaddingLayerParams.PaddingConstant,
  2 PaddingType/reflection PaddingLayerParams.PaddingReflection,
  3 PaddingType/replication PaddingLayerParams.PaddingReplication, 10 paddingAmounts BorderAmounts
PaddingLayerParams.PaddingConstant FillLikeLayerParams FillDynamicLayerParams: 1 value float
ConcatLayerParams: 100 sequenceConcat bool
LRNLayerParams: 1 alpha float, 2 beta float, 3 localSize uint64, 4 k float
SplitLayerParams: 1 nOutputs uint64
enum UnaryFunctionLayerParams.Operation: 0 SQRT, 1 RSQRT, 2 INVERSE, 3 POWER, 4 EXP, 5 LOG, 6 ABS,
  7 THRESHOLD
UnaryFunctionLayerParams: 1 type UnaryFunctionLayerParams.Operation, 2 alpha float, 3 epsilon float,
  4 shift float, 5 scale float
enum UpsampleLayerParams.InterpolationMode: 0 NN, 1 BILINEAR
enum UpsampleLayerParams.LinearUpsampleMode: 0 DEFAULT, 1 ALIGN_CORNERS_TRUE, 2 ALIGN_CORNERS_FALSE
UpsampleLayerParams: 1 scalingFactor uint64*, 7 fractionalScalingFactor float*,
  5 mode UpsampleLayerParams.InterpolationMode, 6 linearUpsampleMode UpsampleLayerParams.LinearUpsampleMode
ResizeBilinearLayerParams: 1 targetSize uint64*, 2 mode SamplingMode
CropResizeLayerParams: 1 targetSize uint64*, 2 normalizedCoordinates bool, 3 mode SamplingMode,
  4 boxIndicesMode BoxCoordinatesMode, 5 spatialScale float
BiasLayerParams: 1 shape uint64*, 2 bias WeightParams
ScaleLayerParams: 1 shapeScale uint64*, 2 scale WeightParams, 3 hasBias bool, 4 shapeBias uint64*,
  5 bias WeightParams
LoadConstantLayerParams LoadConstantNDLayerParams: 1 shape uint64*, 2 data WeightParams
L2NormalizeLayerParams: 1 epsilon float
enum FlattenLayerParams.FlattenOrder: 0 CHANNEL_FIRST, 1 CHANNEL_LAST
FlattenLayerParams: 1 mode FlattenLayerParams.FlattenOrder
enum ReshapeLayerParams.ReshapeOrder: 0 CHANNEL_FIRST, 1 CHANNEL_LAST
ReshapeLayerParams: 1 targetShape int64*, 2 mode ReshapeLayerParams.ReshapeOrder
PermuteLayerParams: 1 axis uint64*
enum ReorganizeDataLayerParams.ReorganizationType: 0 SPACE_TO_DEPTH, 1 DEPTH_TO_SPACE, 2 PIXEL_SHUFFLE
ReorganizeDataLayerParams: 1 mode ReorganizeDataLayerParams.ReorganizationType, 2 blockSize uint64
enum SliceLayerParams.SliceAxis: 0 CHANNEL_AXIS, 1 HEIGHT_AXIS, 2 WIDTH_AXIS
SliceLayerParams: 1 startIndex int64, 2 endIndex int64, 3 stride uint64, 4 axis SliceLayerParams.SliceAxis
enum ReduceLayerParams.ReduceOperation: 0 SUM, 1 AVG, 2 PROD, 3 LOGSUM, 4 SUMSQUARE, 5 L1, 6 L2, 7 MAX,
  8 MIN, 9 ARGMAX
enum ReduceLayerParams.ReduceAxis: 0 CHW, 1 HW, 2 C, 3 H, 4 W
ReduceLayerParams: 1 mode ReduceLayerParams.ReduceOperation, 2 epsilon float,
  3 axis ReduceLayerParams.ReduceAxis
CropLayerParams: 1 cropAmounts BorderAmounts, 5 offset uint64*
DotProductLayerParams: 1 cosineSimilarity bool
MeanVarianceNormalizeLayerParams: 1 acrossChannels bool, 2 normalizeVariance bool, 3 epsilon float
SequenceRepeatLayerParams: 1 nRepetitions uint64
SimpleRecurrentLayerParams: 1 inputVectorSize uint64, 2 outputVectorSize uint64,
  10 activation ActivationParams, 15 sequenceOutput bool, 20 hasBiasVector bool,
  30 weightMatrix WeightParams, 31 recursionMatrix WeightParams, 32 biasVector WeightParams,
  100 reverseInput bool
GRULayerParams: 1 inputVectorSize uint64, 2 outputVectorSize uint64, 10 activations ActivationParams*,
  15 sequenceOutput bool, 20 hasBiasVectors bool, 30 updateGateWeightMatrix WeightParams,
  31 resetGateWeightMatrix WeightParams, 32 outputGateWeightMatrix WeightParams,
  50 updateGateRecursionMatrix WeightParams, 51 resetGateRecursionMatrix WeightParams,
  52 outputGateRecursionMatrix WeightParams, 70 updateGateBiasVector WeightParams,
  71 resetGateBiasVector WeightParams, 72 outputGateBiasVector WeightParams, 100 reverseInput bool
LSTMParams: 10 sequenceOutput bool, 20 hasBiasVectors bool, 30 forgetBias bool, 40 hasPeepholeVectors bool,
  50 coupledInputAndForgetGate bool, 60 cellClipThreshold float
LSTMWeightParams: 1 inputGateWeightMatrix WeightParams, 2 forgetGateWeightMatrix WeightParams,
  3 blockInputWeightMatrix WeightParams, 4 outputGateWeightMatrix WeightParams,
  20 inputGateRecursionMatrix WeightParams, 21 forgetGateRecursionMatrix WeightParams,
  22 blockInputRecursionMatrix WeightParams, 23 outputGateRecursionMatrix WeightParams,
  40 inputGateBiasVector WeightParams, 41 forgetGateBiasVector WeightParams,
  42 blockInputBiasVector WeightParams, 43 outputGateBiasVector WeightParams,
  60 inputGatePeepholeVector WeightParams, 61 forgetGatePeepholeVector WeightParams,
  62 outputGatePeepholeVector WeightParams
UniDirectionalLSTMLayerParams: 1 inputVectorSize uint64, 2 outputVectorSize uint64,
  10 activations ActivationParams*, 15 params LSTMParams, 20 weightParams LSTMWeightParams,
  100 reverseInput bool
BiDirectionalLSTMLayerParams: 1 inputVectorSize uint64, 2 outputVectorSize uint64,
  10 activationsForwardLSTM ActivationParams*, 11 activationsBackwardLSTM ActivationParams*,
  15 params LSTMParams, 20 weightParams LSTMWeightParams*
CustomLayerParams: 10 className string, 20 weights WeightParams*,
  30 parameters {string}CustomLayerParams.CustomLayerParamValue, 40 description string
CustomLayerParams.CustomLayerParamValue: 10 value/doubleValue double, 20 value/stringValue string,
  30 value/intValue int32, 40 value/longValue int64, 50 value/boolValue bool
TransposeLayerParams: 1 axes uint64*
BatchedMatMulLayerParams: 1 transposeA bool, 2 transposeB bool, 5 weightMatrixFirstDimension uint64,
  6 weightMatrixSecondDimension uint64, 7 hasBias bool, 8 weights WeightParams, 9 bias WeightParams,
  10 int8DynamicQuantize bool
ConcatNDLayerParams: 1 axis int64, 2 interleave bool
SoftmaxNDLayerParams GatherLayerParams GatherAlongAxisLayerParams StackLayerParams FlattenTo2DLayerParams:
  1 axis int64
ReverseLayerParams: 1 reverseDim bool*
ReverseSeqLayerParams: 1 batchAxis int64, 2 sequenceAxis int64
FillStaticLayerParams: 1 value float, 2 targetShape uint64*
MatrixBandPartLayerParams: 1 numLower int64, 2 numUpper int64
UpperTriangularLayerParams LowerTriangularLayerParams: 1 k int64
BroadcastToStaticLayerParams: 1 targetShape uint64*
ScatterLayerParams ScatterAlongAxisLayerParams: 1 axis int64, 2 mode ScatterMode
ScatterNDLayerParams: 1 mode ScatterMode
RankPreservingReshapeLayerParams ReshapeStaticLayerParams: 1 targetShape int64*
ConstantPaddingLayerParams: 1 value float, 2 padAmounts uint64*, 3 padToGivenOutputSizeMode bool
RandomNormalLikeLayerParams RandomNormalDynamicLayerParams: 1 seed int64, 2 mean float, 3 stdDev float
RandomNormalStaticLayerParams: 1 seed int64, 2 mean float, 3 stdDev float, 4 outputShape uint64*
RandomUniformLikeLayerParams RandomUniformDynamicLayerParams: 1 seed int64, 2 minVal float, 3 maxVal float
RandomUniformStaticLayerParams: 1 seed int64, 2 minVal float, 3 maxVal float, 4 outputShape uint64*
RandomBernoulliLikeLayerParams RandomBernoulliDynamicLayerParams: 1 seed int64, 2 prob float
RandomBernoulliStaticLayerParams: 1 seed int64, 2 prob float, 3 outputShape uint64*
CategoricalDistributionLayerParams: 1 seed int64, 2 numSamples int64, 3 isLogits bool, 4 eps float,
  5 temperature float
ReduceL1LayerParams ReduceL2LayerParams ReduceMaxLayerParams ReduceMinLayerParams ReduceSumLayerParams
  ReduceProdLayerParams ReduceMeanLayerParams ReduceLogSumLayerParams ReduceSumSquareLayerParams
  ReduceLogSumExpLayerParams: 1 axes int64*, 2 keepDims bool, 3 reduceAll bool
ExpandDimsLayerParams: 1 axes int64*
SqueezeLayerParams: 1 axes int64*, 2 squeezeAll bool
TopKLayerParams: 1 axis int64, 2 K uint64, 3 useBottomK bool
ArgMaxLayerParams ArgMinLayerParams: 1 axis int64, 2 removeDim bool
SplitNDLayerParams: 1 axis int64, 2 numSplits uint64, 3 splitSizes uint64*
ClipLayerParams: 1 minVal float, 2 maxVal float
SliceStaticLayerParams: 1 beginIds int64*, 2 beginMasks bool*, 3 endIds int64*, 4 endMasks bool*,
  5 strides int64*, 6 squeezeMasks bool*
SliceDynamicLayerParams: 2 beginMasks bool*, 3 endIds int64*, 4 endMasks bool*, 5 strides int64*,
  6 squeezeMasks bool*
TileLayerParams: 1 reps uint64*
enum GeluLayerParams.GeluMode: 0 EXACT, 1 TANH_APPROXIMATION, 2 SIGMOID_APPROXIMATION
GeluLayerParams: 1 mode GeluLayerParams.GeluMode
RangeStaticLayerParams: 1 endValue float, 2 startValue float, 3 stepSizeValue float
RangeDynamicLayerParams: 2 startValue float, 3 stepSizeValue float
SlidingWindowsLayerParams: 1 axis int64, 2 windowSize uint64, 3 step uint64
LayerNormalizationLayerParams: 1 normalizedShape int64*, 2 eps float, 3 gamma WeightParams,
  4 beta WeightParams
NonMaximumSuppressionLayerParams: 1 iouThreshold float, 2 scoreThreshold float, 3 maxBoxes uint64,
  4 perClassSuppression bool
ArgSortLayerParams: 1 axis int64, 2 descending bool
SliceBySizeLayerParams: 2 size int64, 3 axis int64
NeuralNetworkClassifier: 1 layers NeuralNetworkLayer*, 2 preprocessing NeuralNetworkPreprocessing*,
  5 arrayInputShapeMapping NeuralNetworkMultiArrayShapeMapping,
  6 imageInputShapeMapping NeuralNetworkImageShapeMapping, 100 ClassLabels/stringClassLabels StringVector,
  101 ClassLabels/int64ClassLabels Int64Vector, 200 labelProbabilityLayerName string
OneHotLayerParams: 1 oneHotVectorSize uint64, 2 axis int64, 3 onValue float, 4 offValue float
CumSumLayerParams: 1 axis int64, 2 excludeFinalSum bool, 3 reverse bool
"""
