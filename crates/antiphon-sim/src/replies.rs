//! What the simulated models say.

use crate::seed::Random;

/// Answers to "Hello, how are you?".
const GREETINGS: [&str; 12] = [
    "I'm doing well, thank you. How about you?",
    "I'm doing well, thank you! How about you?",
    "I am doing quite well. How about you?",
    "I'm doing great, thank you. How about you?",
    "I'm doing well, thanks for asking. How are you?",
    "I'm doing fine, thank you. And you?",
    "Hello! I'm very well, thank you. How are you today?",
    "I'm well, thanks. What can I do for you?",
    "Hi there! All is well here. How is your day going?",
    "Very well, thank you for asking! And yourself?",
    "I'm good, thank you. How has your day been so far?",
    "Hello! I'm feeling great today. How are things with you?",
];

/// How answers to anything else begin.
const OPENINGS: [&str; 6] = [
    "Good question!",
    "Thank you for asking.",
    "Happy to help!",
    "Let me see.",
    "That is a nice thing to ask.",
    "With pleasure!",
];

/// How much of a question an answer repeats, in characters.
const QUOTE_LEN: usize = 48;

/// Answers `question`: a greeting by a greeting, anything else by a sentence that says that it is
/// simulated.
pub(crate) fn reply(question: &str, random: &mut Random) -> String {
    if question.to_lowercase().contains("how are you") {
        return GREETINGS[random.below(GREETINGS.len())].to_owned();
    }
    let opening = OPENINGS[random.below(OPENINGS.len())];
    let words = question.split_whitespace().collect::<Vec<_>>().join(" ");
    let quote: String = words.chars().take(QUOTE_LEN).collect();
    let ellipsis = if quote.len() < words.len() { "..." } else { "" };
    if quote.is_empty() {
        format!("{opening} This is a simulated answer.")
    } else {
        format!("{opening} This is a simulated answer to \"{quote}{ellipsis}\".")
    }
}

/// What a model thinks before it answers `question`.
pub(crate) fn thoughts(question: &str) -> String {
    let words = question.split_whitespace().count();
    format!("Words in the question: {words}. A short and friendly answer will do.")
}

#[cfg(test)]
mod tests {
    use super::reply;
    use crate::seed::Random;

    #[test]
    fn other_questions_are_quoted_in_part() {
        let answer = |question: &str| reply(question, &mut Random::new(3, &[]));
        assert_eq!(answer("Name  a\ncolour."), "Let me see. This is a simulated answer to \"Name a colour.\".");
        assert_eq!(answer(" \n"), "Let me see. This is a simulated answer.");
        let long = answer(&"é".repeat(100));
        assert!(long.ends_with(&format!("\"{}...\".", "é".repeat(48))), "{long}");
    }
}
