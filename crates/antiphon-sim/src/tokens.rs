//! The tokenizer: a token is a word or one other character, with the white space before it.
//!
//! It is no model's tokenizer, but it counts about as many tokens for English text, and a text is
//! exactly its tokens put together: what is counted in `usage` is what a stream sends, one token
//! per chunk.

/// Splits `text` into tokens. White space at the end is a token of its own.
pub(crate) fn tokens(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let (token, left) = rest.split_at(first_token_len(rest));
        rest = left;
        (!token.is_empty()).then_some(token)
    })
}

/// How many tokens `text` has.
pub(crate) fn count(text: &str) -> u64 {
    tokens(text).count() as u64
}

/// The length in bytes of the token at the start of `text`.
fn first_token_len(text: &str) -> usize {
    let word = text.trim_start();
    let Some(first) = word.chars().next() else {
        return text.len();
    };
    let word_len = if is_word(first) { word.find(|c| !is_word(c)).unwrap_or(word.len()) } else { first.len_utf8() };
    text.len() - word.len() + word_len
}

fn is_word(character: char) -> bool {
    character.is_alphanumeric() || matches!(character, '\'' | '_')
}

#[cfg(test)]
mod tests {
    use super::{count, tokens};

    #[test]
    fn words_and_punctuation() {
        let check = |text: &str, expected: &[&str]| {
            assert_eq!(tokens(text).collect::<Vec<_>>(), expected);
            assert_eq!(tokens(text).collect::<String>(), text);
        };
        check("", &[]);
        check("\n\nI'm well, thank you.\n", &["\n\nI'm", " well", ",", " thank", " you", ".", "\n"]);
        check("naïve 🦀🦀 x_1", &["naïve", " 🦀", "🦀", " x_1"]);
        assert_eq!(count("Hello, how are you?"), 6);
    }
}
