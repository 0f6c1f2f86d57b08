export { applySum, modelDigest, sumUpdates, weightsBySamples } from './aggregation.ts';
export { parseCsv, type Table } from './csv.ts';
export { classCounts, selectRows, splitValidation, type Dataset } from './dataset.ts';
export { digitShares, generateDigits } from './digits.ts';
export { parseIdx, writeIdx, type IdxArray } from './idx.ts';
export { fitImages, fitTable } from './importers.ts';
export {
  featureWidth,
  initialParameters,
  outputWidth,
  parameterCount,
  tensorsOf,
  type Tensor,
} from './model.ts';
export { dealDirichlet, dealIid, dirichlet } from './partition.ts';
export { largestMagnitudes, quantise, scalesOf } from './quantiser.ts';
export { describeTable } from './table-schema.ts';
