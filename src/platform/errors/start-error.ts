/** The start cannot go on, and whoever runs the server can mend it: the message says what is wrong and what to do. */
export class StartError extends Error {
  override readonly name: string = "StartError";
}
