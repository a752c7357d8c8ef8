//! By which words members are found: a nickname's words, and what a search asks of them.
//!
//! A word is a run of letters and digits in lower case, of one width. Scripts without spaces have no such runs, so each
//! of their characters begins a word, too, which ends where the run does: 小明 is found in 王小明.

use unicode_normalization::UnicodeNormalization;

/// Words that are kept of one nickname; what comes later is not found by.
const MOST: usize = 16;
/// Characters of a word; the column holds no more.
const LONGEST: usize = 64;

/// The words of a nickname, each once.
pub(super) fn of_name(name: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    for run in runs(name) {
        let letters: Vec<char> = run.chars().collect();
        let mut before = None;
        for (place, letter) in letters.iter().enumerate() {
            let begins = before.is_none_or(|before| is_unspaced(before) || is_unspaced(*letter));
            before = Some(*letter);
            let word: String = letters.iter().skip(place).take(LONGEST).collect();
            if begins && words.len() < MOST && !words.contains(&word) {
                words.push(word);
            }
        }
    }
    words
}

/// What a search asks for: each of these begins a word of the nickname. None when the text has no letter and no digit.
pub(super) fn of_search(text: &str) -> Vec<String> {
    runs(text).into_iter().map(|run| run.chars().take(LONGEST).collect()).take(MOST).collect()
}

/// Whether a nickname is what a search asks for.
pub(super) fn fits(name: &str, asked: &[String]) -> bool {
    let words = of_name(name);
    asked.iter().all(|beginning| words.iter().any(|word| word.starts_with(beginning)))
}

fn runs(text: &str) -> Vec<String> {
    let plain: String = text.nfkc().flat_map(char::to_lowercase).collect();
    plain.split(|letter: char| !letter.is_alphanumeric()).filter(|run| !run.is_empty()).map(str::to_owned).collect()
}

/// Whether a script puts no spaces between words.
const fn is_unspaced(letter: char) -> bool {
    matches!(letter, '\u{2e80}'..='\u{a4cf}' | '\u{ac00}'..='\u{d7af}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_of_a_name_is_kept_once() {
        for (name, words) in [
            ("Amy Wang-Li", vec!["amy", "wang", "li"]),
            ("王小明", vec!["王小明", "小明", "明"]),
            ("会员1001", vec!["会员1001", "员1001", "1001"]),
            ("ＡＢＣ abc", vec!["abc"]),
            ("🙂 !?", vec![]),
            ("李李", vec!["李李", "李"]),
        ] {
            assert_eq!(of_name(name), words, "{name}");
        }
        let long = of_name(&"王".repeat(64));
        assert!(long.len() == MOST && long[0].chars().count() == LONGEST);
    }

    #[test]
    fn a_search_asks_how_words_begin() {
        for (name, search, found) in [
            ("Amy Wang", "wa", true),
            ("Amy Wang", "WANG", true),
            ("Amy Wang", "wang am", true),
            ("Amy Wang", "ang", false),
            ("王小明", "小明", true),
            ("王小明", "王明", false),
            ("会员1001", "１００", true),
            ("Ålesund", "ål", true),
        ] {
            assert_eq!(fits(name, &of_search(search)), found, "{name} {search}");
        }
        assert!(of_search(" -🙂- ").is_empty());
    }
}
