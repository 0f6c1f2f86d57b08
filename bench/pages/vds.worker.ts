import { measureVds } from '../vds-measure.ts';

postMessage(await measureVds((name) => postMessage(name)));
