/** bytes that the coordinator exchanged with tabs: messages and chunks, not the app's files. */
export class Traffic {
  bytesIn = 0;
  bytesOut = 0;

  in(bytes: number): void {
    this.bytesIn += bytes;
  }

  out(bytes: number): void {
    this.bytesOut += bytes;
  }
}
