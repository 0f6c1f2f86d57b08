/**
 * Every bound on what a remote party can make us hold, in one place, each with its reason.
 */
export const limits = {
  /** bytes; a frame between peers: what every WebRTC stack carries in one message. */
  frameBytes: 65_536,
  /** bytes; the largest block asked for at once: a frame less its envelope. */
  blockBytes: 64_512,
  /** bytes; a message between tab and coordinator: the widest is a header with 4096 columns. */
  serverFrameBytes: 1_048_576,
  /** bytes; a first frame: a stranger's hello is some 300 bytes, and decoding costs time. */
  helloFrameBytes: 16_384,
  /** members of one task: a full mesh beyond it exceeds a browser's connections. */
  members: 20,
  /** requests a peer may have waiting with us; BitTorrent's customary `reqq`. */
  queuedRequests: 250,
  /** blocks we ask of one peer before the first has come: keeps a fast link busy. */
  pipeline: 24,
  /** bytes handed to a channel and not yet sent; well below the 16 MiB at which Chromium closes it. */
  bufferedBytes: 1_048_576,
  /** bytes; asks for more once the channel's buffer has drained to here. */
  bufferedLowBytes: 262_144,
  /** headers known of one round: one per member and the model before and after. */
  headersPerRound: 24,
  /** columns of one header (VDS.md: c ≤ n). */
  columns: 4096,
  /** bytes of a batch's lanes: bounds what a header can make a tab store; 16 Mi parameters. */
  batchBytes: 67_108_864,
  /** rounds whose batches a tab keeps: the one being exchanged and the one before it. */
  keptRounds: 2,
  /** strikes (bad chunks) after which a peer is refused for the round. */
  strikes: 3,
  /** closed rounds a newcomer is told of. */
  historyRounds: 1000,
  /** lines the event log keeps. */
  logLines: 500,
  /** messages the coordinator takes of one tab in ten seconds: a mesh of 20 needs some 500 at its start. */
  messagesPerTenSeconds: 2_000,
  /** characters; a signaling message: an SDP offer is some 3 kB. */
  signalLength: 32_768,
  /** characters of a name in a description. */
  nameLength: 120,
  /** classes of a classification, values of a categorical column. */
  classes: 1000,
  /** pixels */
  imageSide: 512,
  /** tensors of one model */
  tensors: 64,
  /** rows of a file a tab takes: what fits a tab's memory as 28×28 images (150 MB). */
  rows: 200_000,
  /** bytes of a file a tab takes, unpacked. */
  fileBytes: 536_870_912,
} as const;
