import * as v from 'valibot';
import { err, ok, type Result } from '../lib/index.ts';
import { limits } from './limits.ts';

const text = v.pipe(v.string(), v.maxLength(limits.signalLength));
const description = { sdp: text };

/** What two members say to each other through the coordinator, as simple-peer puts it. */
const signalSchema = v.variant('type', [
  v.object({ type: v.literal('offer'), ...description }),
  v.object({ type: v.literal('answer'), ...description }),
  v.object({
    type: v.literal('candidate'),
    candidate: v.object({
      candidate: text,
      sdpMLineIndex: v.nullish(v.pipe(v.number(), v.integer(), v.minValue(0))),
      sdpMid: v.nullish(text),
    }),
  }),
]);
type Signal = v.InferOutput<typeof signalSchema>;

/** Reads a signaling message; whether its SDP is any is for the browser to find out. */
export function decodeSignal(data: string): Result<Signal> {
  let value: unknown;
  try {
    value = JSON.parse(data);
  } catch {
    return err('not JSON');
  }
  const parsed = v.safeParse(signalSchema, value);
  return parsed.success ? ok(parsed.output) : err(v.summarize(parsed.issues));
}
