import { describe, expect, test } from 'vitest';
import { decodeSignal } from './signal.ts';

describe('a signal', () => {
  const candidate = { candidate: 'candidate:1 1 udp 1 ::1 9 typ host', sdpMLineIndex: 0, sdpMid: '0' }; // prettier-ignore
  test.each([
    { type: 'offer', sdp: 'v=0' },
    { type: 'answer', sdp: 'v=0' },
    { type: 'candidate', candidate },
    { type: 'candidate', candidate: { candidate: '' } },
  ])('is read: %j', (signal) => {
    expect(decodeSignal(JSON.stringify(signal))).toEqual({ ok: true, value: signal });
  });

  test.each([
    ['', /^not JSON$/],
    ['{"type":"offer"', /^not JSON$/],
    ['null', /./],
    ['[]', /./],
    ['{"type":"offer"}', /sdp/],
    ['{"type":"offer","sdp":{}}', /sdp/],
    ['{"type":"candidate","candidate":"here"}', /candidate/],
    ['{"type":"candidate","candidate":{"candidate":"","sdpMLineIndex":-1}}', /sdpMLineIndex/],
    ['{"type":"renegotiate","renegotiate":true}', /type/],
    ['{"type":"transceiverRequest","transceiverRequest":{"kind":"video"}}', /type/],
  ])('is refused: %s', (data, reason) => {
    const decoded = decodeSignal(data);
    expect(decoded.ok ? 'read' : decoded.error).toMatch(reason);
  });
});
