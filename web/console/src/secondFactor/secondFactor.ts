/** The second factor of the own account: a code of an authenticator app beside the password. */
import { type Http, KefuError } from '@kefu/client'

/** What a login answers that lacks the code, and one with a wrong code. */
export const CODE_WANTED = 1002000002
export const CODE_WRONG = 1002000003

/** What an authenticator app is told. */
export interface Enrolment {
  secret: string
  /** The `otpauth://` address that the QR code holds. */
  uri: string
}

export interface SecondFactorState {
  on: boolean
  /** Whether a role of the account asks for it. */
  required: boolean
}

/** The calls about it. Each throws KefuError. */
export class SecondFactor {
  constructor(private readonly http: Http) {}

  async state(): Promise<SecondFactorState> {
    const profile = await this.http.call('get', '/admin-api/system/user/profile/get')
    return { on: profile.secondFactor, required: profile.secondFactorRequired }
  }

  /**
   * Makes a secret, which counts once a code of it is confirmed. Where there is a second factor already, it wants a code or a
   * recovery code.
   */
  begin(password: string, code: string): Promise<Enrolment> {
    return this.http.call('post', '/admin-api/system/user/profile/totp/begin', {
      body: { password, ...(code && { code }) },
    })
  }

  /** Turns it on, and answers the recovery codes. */
  async confirm(code: string): Promise<string[]> {
    const made = await this.http.call('post', '/admin-api/system/user/profile/totp/confirm', { body: { code } })
    return made.recoveryCodes
  }

  async disable(password: string, code: string): Promise<void> {
    await this.http.call('post', '/admin-api/system/user/profile/totp/disable', {
      body: { password, ...(code && { code }) },
    })
  }
}

/** Whether a call was refused for its code. */
export const isAboutCode = (error: unknown): boolean =>
  error instanceof KefuError && (error.code === CODE_WANTED || error.code === CODE_WRONG)

/** A code as it is sent: people and apps write it in groups. */
export const digitsOf = (typed: string): string => typed.replace(/\s/g, '')

/** Whether it can be a code of an app. */
export const isCode = (typed: string): boolean => /^\d{6}$/.test(digitsOf(typed))

/** A secret in groups of four, to be typed. */
export const inGroups = (secret: string): string => secret.replace(/(.{4})(?=.)/g, '$1 ')

/** The dark squares of a QR code as the path of a drawing, one unit to a square. */
export function pathOf(squares: readonly (readonly boolean[])[]): string {
  let path = ''
  squares.forEach((row, y) => {
    for (let x = 0; x < row.length; x++) {
      const start = x
      while (row[x]) x++
      if (x > start) path += `M${start} ${y}h${x - start}v1H${start}z`
    }
  })
  return path
}
