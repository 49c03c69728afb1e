//! The words that chat templates, our own prompts and people who imitate them
//! give a meaning. All in lower case.

/// What models' chat templates write in square brackets.
const BRACKETED: [&str; 11] = [
    "inst",
    "sys",
    "system",
    "system_prompt",
    "assistant",
    "developer",
    "available_tools",
    "tool_calls",
    "tool_results",
    "tool_content",
    "think",
];

/// What models' chat templates, prompts or people who imitate them write as
/// tags.
const TAGS: [&str; 42] = [
    "s",
    "bos",
    "eos",
    "pad",
    "unk",
    "sep",
    "cls",
    "mask",
    "endoftext",
    "start_of_turn",
    "end_of_turn",
    "system",
    "system_prompt",
    "system_message",
    "user",
    "user_query",
    "assistant",
    "human",
    "developer",
    "admin",
    "important",
    "override",
    "prompt",
    "instruction",
    "instructions",
    "document",
    "documents",
    "passage",
    "passages",
    "search_results",
    "ranking",
    "response",
    "final_answer",
    "think",
    "thinking",
    "thought",
    "tool",
    "tools",
    "tool_call",
    "tool_response",
    "function_call",
    "function_results",
];

/// Who may speak in a chat, and what our prompts head lines with.
const ROLES: [&str; 42] = [
    "system",
    "user",
    "assistant",
    "human",
    "developer",
    "instruction",
    "instructions",
    "query",
    // German.
    "benutzer",
    "nutzer",
    "assistent",
    "anweisung",
    "anweisungen",
    // French, Spanish, Italian, Portuguese.
    "système",
    "utilisateur",
    "sistema",
    "usuario",
    "usuário",
    "utente",
    "asistente",
    "assistente",
    "instrucción",
    "instrucciones",
    // Russian.
    "система",
    "пользователь",
    "ассистент",
    "инструкция",
    // Chinese, simplified and traditional.
    "系统",
    "系統",
    "用户",
    "用戶",
    "助手",
    "指令",
    // Japanese.
    "システム",
    "ユーザー",
    "アシスタント",
    "指示",
    // Arabic.
    "النظام",
    "نظام",
    "المستخدم",
    "المساعد",
    "تعليمات",
];

/// Who may speak where a heading is marked as one: ordinary words otherwise.
const HEADINGS: [&str; 3] = ["input", "output", "response"];

/// What may stand between a role and its colon: "System message:".
const FOLLOWERS: [&str; 10] = [
    "message",
    "prompt",
    "note",
    "notice",
    "instruction",
    "instructions",
    "override",
    "turn",
    "reply",
    "response",
];

/// The keys of the replies that are read.
const REPLY_KEYS: [&str; 3] = ["ranking", "scores", "better"];

pub(super) fn is_bracketed(word: &str) -> bool {
    is_one_of(word, &BRACKETED)
}

pub(super) fn is_tag(word: &str) -> bool {
    is_one_of(word, &TAGS)
}

pub(super) fn is_role(word: &str) -> bool {
    is_one_of(word, &ROLES)
}

pub(super) fn is_heading(word: &str) -> bool {
    is_one_of(word, &HEADINGS)
}

pub(super) fn is_follower(word: &str) -> bool {
    is_one_of(word, &FOLLOWERS)
}

pub(super) fn is_reply_key(word: &str) -> bool {
    is_one_of(word, &REPLY_KEYS)
}

/// Case makes no difference, nor does the style of Latin letters.
fn is_one_of(word: &str, names: &[&str]) -> bool {
    let letters = || word.chars().flat_map(|c| plain(c).to_lowercase());
    names.iter().any(|name| letters().eq(name.chars()))
}

/// The ASCII character for its full-width form, and the Latin letter for its
/// mathematical ones: a model reads them alike.
fn plain(c: char) -> char {
    let code = u32::from(c);
    let plain = match code {
        0xff01..=0xff5e => code - 0xfee0,
        0x1d400..=0x1d6a3 => match (code - 0x1d400) % 52 {
            at @ 0..26 => u32::from('A') + at,
            at => u32::from('a') + at - 26,
        },
        _ => code,
    };
    char::from_u32(plain).unwrap_or(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_the_same_in_any_case_and_style() {
        for word in ["system", "SYSTEM", "Ｓｙｓｔｅｍ", "𝐒𝐲𝐬𝐭𝐞𝐦", "𝘴𝘺𝘴𝘵𝘦𝘮", "СИСТЕМА", "Système"]
        {
            assert!(is_role(word), "{word}");
        }
        for word in ["", "systems", "syst", "мир", "output"] {
            assert!(!is_role(word), "{word}");
        }
    }

    #[test]
    fn names_are_written_as_they_are_compared() {
        let lists: [&[&str]; 6] = [&BRACKETED, &TAGS, &ROLES, &HEADINGS, &FOLLOWERS, &REPLY_KEYS];
        for name in lists.into_iter().flatten() {
            assert!(is_one_of(name, &[*name]), "{name}");
        }
    }
}
