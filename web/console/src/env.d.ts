/** The version of the binary that this console is built into. */
declare const __VERSION__: string
