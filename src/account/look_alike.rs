//! Names that people take for each other: another case, full-width letters, letters of other scripts, digits in the place
//! of letters.

use unicode_normalization::UnicodeNormalization;
use unicode_security::confusable_detection::skeleton;

/// Whether one user name may be taken for the other: they differ only in what compatibility forms (NFKC), case, and the
/// confusable characters of Unicode Technical Standard 39 make of each other, in signs and marks beside their letters, or in
/// digits that are read as letters where letters follow (`adm1n`). Digits at the end are numbers: `agent1` is not `agenti`.
pub(super) fn looks_like(one: &str, other: &str) -> bool {
    // Case first and last: `I` is like `l`, while `i` is only another case of it.
    let seen = |name: &str| skeleton(&name.nfkc().collect::<String>()).collect::<String>().to_lowercase();
    let read = |name: &str| skeleton(&name.nfkc().collect::<String>().to_lowercase()).collect::<String>();
    let bare = |name: &str| read(&name.nfkd().filter(|letter| letter.is_alphanumeric()).collect::<String>());
    let spelt = |name: &str| bare(&in_letters(name));
    let is_same = |of: &dyn Fn(&str) -> String| of(one) == of(other) && !of(one).is_empty();
    is_same(&seen) || is_same(&read) || is_same(&bare) || is_same(&spelt)
}

/// The name with the letters that its digits look like, as far as letters follow them.
fn in_letters(name: &str) -> String {
    let name: Vec<char> = name.nfkc().collect();
    let end = name.iter().rposition(|letter| letter.is_alphabetic()).unwrap_or_default();
    let letter = |digit: char| match digit {
        '0' => 'o',
        '1' => 'i',
        '3' => 'e',
        '4' => 'a',
        '5' => 's',
        '7' => 't',
        other => other,
    };
    name.iter().enumerate().map(|(place, sign)| if place < end { letter(*sign) } else { *sign }).collect()
}

#[cfg(test)]
mod tests {
    use super::looks_like;

    #[test]
    fn what_looks_alike_is_alike() {
        for (one, other) in [
            ("admin", "Admin"),
            ("admin", "ADMIN"),
            ("admin", "аdmin"),
            ("admin", "ａｄｍｉｎ"),
            ("Ivy", "lvy"),
            ("Ivy", "ivy"),
            ("amy1", "amyl"),
            ("modern", "rnodern"),
            ("admin", "admin."),
            ("view1", "view1\u{301}"),
            ("admin", "adm1n"),
            ("admin", "4dm1n."),
            ("root", "R00T"),
            ("ａｄｍｉｎ", "ａｄｍ１ｎ"),
        ] {
            assert!(looks_like(one, other) && looks_like(other, one), "{one} {other}");
        }
        for (one, other) in [
            ("admin", "admin2"),
            ("agent1", "agent2"),
            ("agent1", "agenti"),
            ("客服1号", "客服2号"),
            ("小红", "小明"),
            ("amy", "any"),
            ("red", "fred"),
        ] {
            assert!(!looks_like(one, other), "{one} {other}");
        }
    }
}
