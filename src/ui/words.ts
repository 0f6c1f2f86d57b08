import type { AppState, BatchView, StepName } from '../app/index.ts';
import { featureWidth, outputWidth, parameterCount, tensorsOf } from '../learning/index.ts';
import type { DataDescription, TaskDescription } from '../protocol/index.ts';
import { shortId } from '../lib/index.ts';
import { count, counted, decimal, percent } from './format.ts';

/** The task's data: `28×28 grey images, 10 classes`. */
export function dataInWords(data: DataDescription): string {
  if (data.kind === 'image') {
    const colour = data.channels === 1 ? 'grey' : 'colour';
    return `${data.width}×${data.height} ${colour} images, ${data.classes.length} classes`;
  }
  const { target } = data;
  const kind = target.kind === 'numeric' ? 'a number' : counted(target.values.length, 'class', 'classes'); // prettier-ignore
  return `${counted(data.columns.length, 'column')} → ${target.name} (${kind})`;
}

/** The model: `MLP 784-128-10, 101,770 parameters`. */
export function modelInWords({ data, model }: TaskDescription): string {
  const widths = [featureWidth(data), ...model.hidden, outputWidth(data)].join('-');
  const parameters = count(parameterCount(tensorsOf(data, model)));
  return `${model.hidden.length === 0 ? 'linear model' : 'MLP'} ${widths}, ${parameters} parameters`;
}

/** What files of the user's own must look like. */
export function filesInWords(data: DataDescription): string {
  if (data.kind === 'image') {
    const colour = data.channels === 1 ? 'grey' : 'colour';
    const last = data.classes.length - 1;
    return (
      `Two IDX files, plain or .gz: ${data.width}×${data.height} ${colour} images, ` +
      `and their labels from 0 to ${last}.`
    );
  }
  return `One CSV file, plain or .gz, whose header names the columns below.`;
}

export function classNames(data: DataDescription): readonly string[] {
  if (data.kind === 'image') return data.classes;
  return data.target.kind === 'categorical' ? data.target.values : [];
}

export interface Score {
  /** R² for a regression. */
  readonly name: 'Accuracy' | 'R²';
  readonly format: (value: number) => string;
}

const accuracy: Score = { name: 'Accuracy', format: percent };
const determination: Score = { name: 'R²', format: decimal };

/** What `Metrics.accuracy` is for the task. */
export function scoreOf(data: DataDescription | undefined): Score {
  return data?.kind === 'table' && data.target.kind === 'numeric' ? determination : accuracy;
}

/** The phases of a round, each with the steps that it covers. */
export const phases: readonly { readonly label: string; readonly steps: readonly StepName[] }[] = [
  { label: 'Fetch model', steps: ['waiting-for-model'] },
  { label: 'Train', steps: ['training'] },
  { label: 'Quantise & commit', steps: ['trained', 'sealing', 'sealed'] },
  { label: 'Exchange', steps: ['exchanging'] },
  { label: 'Aggregate', steps: ['aggregating'] },
  { label: 'Done', steps: ['done'] },
];

export const stepInWords: Record<Exclude<StepName, 'idle'>, string> = {
  'waiting-for-model': 'Fetching the current model from the swarm.',
  training: 'Training on your data.',
  trained: 'Trained. Waiting until the others are, too.',
  sealing: 'Quantising the update to 8 bits and committing to its chunks.',
  sealed: 'Committed and signed. Waiting for the Data Owner’s list of updates.',
  exchanging: 'Exchanging chunks of all updates, each verified as it arrives.',
  aggregating: 'Adding the updates up to the new model.',
  done: 'New model computed. Waiting for the round to close.',
};

/** Why nothing goes on in this tab. */
export function idleInWords({ task, data, active, members }: AppState): string {
  const ready = members.filter((member) => member.online && member.ready).length;
  if (data.state === 'loading') return 'Loading data.';
  if (data.state !== 'ready') return 'Load data to take part; until then this tab seeds only.';
  if (!active) return 'Paused: this tab verifies and seeds only.';
  if (task && ready < task.description.members.minimum) return 'Waiting for more members.';
  return 'Waiting for the next round.';
}

/** `update 3 of a1b2c3d4` */
export function batchInWords({ kind, round, author }: BatchView): string {
  return kind === 'model' ? `model ${round}` : `${kind} ${round} of ${shortId(author)}`;
}
