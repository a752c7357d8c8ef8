//! Names that people take for each other: another case, full-width letters, letters of other scripts.

use unicode_normalization::UnicodeNormalization;
use unicode_security::confusable_detection::skeleton;

/// Whether one user name may be taken for the other: they differ only in what compatibility forms (NFKC), case, and the
/// confusable characters of Unicode Technical Standard 39 make of each other, or in signs and marks beside their letters.
pub(super) fn looks_like(one: &str, other: &str) -> bool {
    // Case first and last: `I` is like `l`, while `i` is only another case of it.
    let seen = |name: &str| skeleton(&name.nfkc().collect::<String>()).collect::<String>().to_lowercase();
    let read = |name: &str| skeleton(&name.nfkc().collect::<String>().to_lowercase()).collect::<String>();
    let bare = |name: &str| read(&name.nfkd().filter(|letter| letter.is_alphanumeric()).collect::<String>());
    seen(one) == seen(other) || read(one) == read(other) || (bare(one) == bare(other) && !bare(one).is_empty())
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
        ] {
            assert!(looks_like(one, other) && looks_like(other, one), "{one} {other}");
        }
        for (one, other) in
            [("admin", "admin2"), ("agent1", "agent2"), ("小红", "小明"), ("amy", "any"), ("red", "fred")]
        {
            assert!(!looks_like(one, other), "{one} {other}");
        }
    }
}
