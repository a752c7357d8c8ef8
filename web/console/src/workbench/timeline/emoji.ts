/**
 * The faces that yudao's clients send as names in brackets, e.g. `[笑掉牙]`, and the Unicode faces that stand for them here.
 * The names are data of the wire, not texts of the console.
 */
const faces = new Map(
  Object.entries({
    笑掉牙: '🤣',
    可爱: '☺️',
    冷酷: '😎',
    闭嘴: '🤐',
    生气: '😠',
    惊恐: '😱',
    瞌睡: '😪',
    大笑: '😄',
    爱心: '😍',
    坏笑: '😏',
    飞吻: '😘',
    疑问: '🤔',
    开心: '😊',
    发呆: '😶',
    流泪: '😢',
    汗颜: '😓',
    惊悚: '😨',
    '困~': '🥱',
    心碎: '💔',
    天使: '😇',
    晕: '😵',
    啊: '😮',
    愤怒: '😡',
    睡着: '😴',
    面无表情: '😐',
    难过: '😞',
    犯困: '😌',
    好吃: '😋',
    呕吐: '🤮',
    龇牙: '😁',
    懵比: '😳',
    白眼: '🙄',
    饿死: '🥺',
    凶: '👿',
    感冒: '🤧',
    流汗: '😅',
    笑哭: '😂',
    流口水: '🤤',
    尴尬: '😬',
    惊讶: '😲',
    大惊: '😧',
    不好意思: '🙈',
    大闹: '🤪',
    不可思议: '🤯',
    爱你: '🥰',
    红心: '❤️',
    点赞: '👍',
    恶魔: '😈',
  }),
)

/** Replaces the names in brackets that yudao's clients know; other brackets stay as they are. */
export function withFaces(text: string): string {
  if (!text.includes('[')) return text
  return text.replace(/\[([^[\]]{1,4})\]/gu, (whole, name: string) => faces.get(name) ?? whole)
}
