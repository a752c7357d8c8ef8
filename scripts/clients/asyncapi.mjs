// Validates the AsyncAPI document; severity 0 is an error.
import { readFileSync } from "node:fs";
import { Parser } from "@asyncapi/parser";

const { document, diagnostics } = await new Parser().parse(readFileSync(process.argv[2], "utf8"));
const errors = diagnostics.filter(({ severity }) => severity === 0);
for (const { code, path, message } of errors) console.error(code, path.join("."), message);
process.exit(document && errors.length === 0 ? 0 : 1);
