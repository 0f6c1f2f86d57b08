import { maxAskedColumns, maxColumns } from '../vds/index.ts';

/**
 * Every bound on what a remote party can make us hold, in one place, each with its reason.
 */
export const limits = {
  /** bytes; a frame between peers: what browsers announce as their largest WebRTC message. */
  frameBytes: 262_144,
  /** messages in one frame: a bitfield and a header of each of a hundred batches. */
  messagesPerFrame: 256,
  /** bytes; what every peer takes in a frame, as every WebRTC stack does that says nothing else (RFC 8841). */
  leastFrameBytes: 65_536,
  /** bytes; the largest block asked for at once: what every peer takes, less its envelope. */
  blockBytes: 64_512,
  /** bytes; a message to a tab: a manifest with the headers of 200 members, 36 kB each at most. */
  serverFrameBytes: 8_388_608,
  /** bytes; a first frame: a stranger's hello is some 300 bytes, and decoding costs time. */
  helloFrameBytes: 16_384,
  /** bytes; a message of a tab: a header of 1,024 columns takes 230 kB. */
  clientFrameBytes: 524_288,
  /** connections that are no members’, 11 kB of heap each: beyond it who stood there longest is ended. */
  strangers: 1_200,
  /** HTTP connections, those of WebSockets included. */
  connections: 4_096,
  /** hellos of newcomers that are looked at in ten seconds; each costs 2 ms, and a welcome. */
  joinsPerTenSeconds: 120,
  /** times that a member may come back in ten seconds: who reloads, and is impatient. */
  returnsPerTenSeconds: 10,
  /** ms of the server's time that the messages of one tab take of ten seconds; then it has to wait. */
  workPerTenSeconds: 1_000,
  /** signaling messages from one member to another in ten seconds: an offer and its candidates are some 20. */
  signalsPerTenSeconds: 200,
  /** bytes waiting for a tab beyond which nothing is relayed to it: not for others to fill. */
  relayedBytes: 1_048_576,
  /** connections that a neighbour may offer in ten seconds: one that fails at once is tried 5 times. */
  offersPerTenSeconds: 6,
  /** times that one member is named for what does not hold, until the server starts anew. */
  timesNamed: 10,
  /** ms between two lists of members: who comes and goes in between is in the next. */
  membersEveryMs: 250,
  /** members whose strikes and delays are known: a few fillings of the task. */
  rememberedMembers: 1_000,
  /** audits that the coordinator remembers, and questions of its own that wait for an answer. */
  audits: 200,
  openQuestions: 16,
  /** files that the Data Owner keeps for one task, and bytes of one of them. */
  ownerFiles: 100,
  ownerFileBytes: 8_388_608,
  /** models that the database keeps: the newest, and besides them the best. */
  keptModels: 8,
  /** members of one task: everybody downloads everybody's update, 200 of 100 kB are 20 MB a round. */
  members: 200,
  /** WebRTC connections of one tab: browsers manage some 100, each costs memory and checks. */
  links: 40,
  /** requests a peer may have waiting with us; BitTorrent's customary `reqq`. */
  queuedRequests: 250,
  /** blocks that we have asked of one peer at any time, whatever it says it queues. */
  pipeline: 250,
  /** chunks that one have or dont-have names. */
  indicesPerMessage: 64,
  /** names of features in a handshake. */
  features: 16,
  /** bytes handed to a channel and not yet sent; well below the 16 MiB at which Chromium closes it. */
  bufferedBytes: 1_048_576,
  /** bytes; a channel that has so much to send is closed: what is no chunk is sent without asking. */
  bufferedMostBytes: 4_194_304,
  /** headers known of one round: one per member and the model before and after. */
  headersPerRound: 204,
  /** columns of one header: 16 Mi parameters at n = 4096 take 546 as a model. */
  columns: maxColumns,
  /** messages of the coordinator's that a tab has not verified yet: some hundred a round are usual. */
  unverifiedMessages: 1_024,
  /** strikes (bad chunks) after which a peer is refused for the round. */
  strikes: 3,
  /** rounds of a task: what an unsigned 32-bit number holds, with room to spare. */
  rounds: 1_000_000_000,
  /** closed rounds that are kept, and told to newcomers, and their bytes: three quarters of a frame are for the rest. */
  historyRounds: 1000,
  historyBytes: 2_097_152,
  /** members that the Data Owner excluded. */
  excludedMembers: 1000,
  /** bytes; a model in the file of an exported round: 16 Mi parameters. */
  exportedBytes: 67_108_864,
  /** columns that one query or audit is of. */
  askedColumns: maxAskedColumns,
  /** queries and audits that a peer may have waiting with us, and ask in ten seconds: one costs some 50 ms. */
  questions: 2,
  questionsPerTenSeconds: 10,
  /** ms; a question that is not answered by then is not answered. */
  answerMs: 30_000,
  /** lines the event log keeps. */
  logLines: 500,
  /** messages the coordinator takes of one tab in ten seconds: a mesh of 20 needs some 500 at its start. */
  messagesPerTenSeconds: 2_000,
  /** bytes; a chunk or a part of a sum on its way through the coordinator: n = 4096 takes 123 kB. */
  chunkBytes: 131_072,
  /** statements on chunks that the coordinator takes of one member in an attempt: one a second. */
  statements: 1_000,
  /** characters; a signaling message: an SDP offer is some 3 kB. */
  signalLength: 32_768,
  /** characters; why something was refused. */
  reasonLength: 500,
  /** characters of a name in a description. */
  nameLength: 120,
  /** classes of a classification, values of a categorical column. */
  classes: 1000,
  /** pixels */
  imageSide: 512,
  /** columns of a table */
  tableColumns: 4096,
  /** tensors of one model */
  tensors: 64,
  /** rows of a file a tab takes: what fits a tab's memory as 28×28 images (150 MB). */
  rows: 200_000,
  /** A loss, and what R² may fall to: what is worse is said to be so bad. */
  loss: 1e30,
  /** |Δ| of a parameter in one round: what is beyond it is no training, and a tab does not send it. */
  magnitude: 1_000_000,
  /** bytes of a file a tab takes, unpacked. */
  fileBytes: 536_870_912,
} as const;
