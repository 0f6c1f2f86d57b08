export { applySum, modelDigest, sumUpdates, totalOf, weightsBySamples } from './aggregation.ts';
export { parseCsv } from './csv.ts';
export { classCounts, splitValidation, type Dataset } from './dataset.ts';
export { digitShares, generateDigits } from './digits.ts';
export { parseIdx, writeIdx } from './idx.ts';
export { fitImages, fitTable } from './importers.ts';
export {
  featureWidth,
  initialParameters,
  outputWidth,
  parameterCount,
  tensorsOf,
  type Tensor,
} from './model.ts';
export { dealDirichlet, dealIid } from './partition.ts';
export { largestMagnitudes, quantise, scalesOf } from './quantiser.ts';
export { describeTable } from './table-schema.ts';
