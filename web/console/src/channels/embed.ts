/** The code that a site's owner copies into the page. */

const attribute = (text: string) => text.replace(/&/g, '&amp;').replace(/"/g, '&quot;').replace(/</g, '&lt;')

/** The tag that shows the widget. @param service the service's origin */
export function tagOf(service: string, key: string): string {
  return `<script async src="${attribute(service)}/widget/v1.js" data-key="${attribute(key)}"></script>`
}

/** What tells the widget who has logged in. @param token what stands for the token that the site's server signs */
export function identifyOf(token: string): string {
  return [
    '<script>',
    '  window.kefu = window.kefu || function () { (kefu.q = kefu.q || []).push(arguments) }',
    `  kefu('identify', { token: '${token}' })`,
    '</script>',
  ].join('\n')
}
