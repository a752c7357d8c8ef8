// Reads a success and a failure as the generated types say them; compiled with every strict check, and never run.
import type { components, operations } from "./api";

type Sent = operations["member_send"]["responses"][200]["content"]["application/json"];

export function idOf(answer: Sent): number {
  if (answer.code !== 0 || answer.data === null) throw new Error(answer.msg);
  return answer.data;
}

export function newest(messages: components["schemas"]["Envelope_Vec_MessageView"]): string | null {
  const first = messages.data?.[0];
  const kind: 1 | 2 | 3 | 4 | 5 | 10 | 11 | undefined = first?.contentType;
  return kind === 1 && first !== undefined ? first.content : null;
}

export const failure: Sent = { code: 400, msg: "请求参数不正确", data: null };
