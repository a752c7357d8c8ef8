import js from '@eslint/js'
import vue from 'eslint-plugin-vue'
import globals from 'globals'
import { defineConfig, globalIgnores } from 'eslint/config'
import ts from 'typescript-eslint'

export default defineConfig(
  globalIgnores(['dist/**', '*/dist/**', 'client/src/schema.d.ts']),
  js.configs.recommended,
  ts.configs.strict,
  ts.configs.stylistic,
  vue.configs['flat/recommended'],
  {
    languageOptions: { globals: { ...globals.browser }, parserOptions: { parser: ts.parser } },
    linterOptions: { reportUnusedDisableDirectives: 'error' },
    rules: {
      // The compiler knows every name.
      'no-undef': 'off',
      eqeqeq: 'error',
      'no-console': 'error',
      // Text from people never becomes markup.
      'vue/no-v-html': 'error',
      'no-restricted-properties': [
        'error',
        ...['innerHTML', 'outerHTML', 'insertAdjacentHTML'].map((property) => ({ property, message: 'Make nodes.' })),
      ],
      '@typescript-eslint/no-non-null-assertion': 'error',
      '@typescript-eslint/unified-signatures': 'off',
      // One-word names are fine for pages and parts of ours, which stand in folders.
      'vue/multi-word-component-names': 'off',
      // prettier lays out.
      'vue/html-indent': 'off',
      'vue/html-self-closing': 'off',
      'vue/html-closing-bracket-newline': 'off',
      'vue/max-attributes-per-line': 'off',
      'vue/singleline-html-element-content-newline': 'off',
      'vue/multiline-html-element-content-newline': 'off',
      'vue/first-attribute-linebreak': 'off',
    },
  },
  {
    files: ['scripts/**', 'e2e/**', '*.js'],
    languageOptions: { globals: { ...globals.node, ...globals.browser } },
    rules: { 'no-console': 'off' },
  },
  { files: ['**/*.test.ts', '*/test/**'], rules: { '@typescript-eslint/no-non-null-assertion': 'off' } },
)
