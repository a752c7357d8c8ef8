/** The emoji of the grid: a few that agents use, not all that there are. */
export const groups = [
  {
    name: 'faces',
    emoji: Array.from(
      '😀😄😁😆😅🤣😂🙂😊😇🥰😍😘😋😜🤪🤔🤗🤭🤫😐😏🙄😬😌😔😪😴😷🤒🤧🥵🥶😵🤯🥳😎🤓😕😟😮😲😳🥺😢😭😱😖😣😓😩😤😡',
    ),
  },
  {
    name: 'gestures',
    emoji: ['👍', '👎', '👌', '✌️', '🤝', '🙏', '👏', '🙌', '💪', '👋', '🤞', '👉', '👈', '☝️', '✋', '🙇', '🙋', '🤷'],
  },
  {
    name: 'things',
    emoji: [
      '❤️',
      '💔',
      '💯',
      '🎉',
      '🎁',
      '🌹',
      '🌟',
      '🔥',
      '✅',
      '❌',
      '❓',
      '❗',
      '⏰',
      '📦',
      '🚚',
      '💰',
      '🧾',
      '🛒',
      '📷',
      '📞',
      '☀️',
      '🌙',
      '☕',
      '🍰',
    ],
  },
] as const satisfies readonly { name: 'faces' | 'gestures' | 'things'; emoji: readonly string[] }[]
