//! What a prompt asks for.

use serde_json::Value;

use super::prompt::Prompt;

/// What a reply has to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Task {
    /// The labels, best first.
    Order {
        /// At most so many of them.
        wanted: usize,
        /// Whether as JSON, or as `[3] > [1]`.
        json: bool,
    },
    /// A grade for each label.
    Grades {
        /// The highest grade; the lowest is 0.
        highest: u8,
    },
    /// The label of the better one of two.
    Better,
    /// Yes or No.
    YesNo,
}

/// Grades end here where the prompt doesn't say so.
const HIGHEST: u8 = 10;

impl Task {
    /// What is asked by the JSON schema of the reply, if there is one, or else
    /// by the prompt's words; none where neither tells.
    pub fn of(schema: Option<&Value>, prompt: &Prompt) -> Option<Self> {
        let instructions = prompt.instructions();
        let order = |json| Self::Order { wanted: wanted(&instructions), json };
        let grades = || Self::Grades { highest: highest(&instructions) };
        if let Some(Value::Object(properties)) = schema.and_then(|schema| schema.get("properties"))
        {
            let tasks = [("ranking", order(true)), ("scores", grades()), ("better", Self::Better)];
            let named = tasks.into_iter().find(|(name, _)| properties.contains_key(*name));
            return named.map(|(_, task)| task);
        }
        // Instructions stand last, so the last word counts.
        let last = |word: &str| {
            let [before, after] = instructions;
            let place = after.rfind(word).map(|at| (1, at));
            place.or_else(|| before.rfind(word).map(|at| (0, at)))
        };
        [
            (last("\"ranking\""), order(true)),
            (last("\"scores\""), grades()),
            (last("\"better\""), Self::Better),
            (last("Yes or No"), Self::YesNo),
            (last("] > ["), order(false)),
        ]
        .into_iter()
        .filter_map(|(place, task)| Some((place?, task)))
        .max_by_key(|(place, _)| *place)
        .map(|(_, task)| task)
    }
}

/// The number in "the best 5 labels"; no limit where there is none.
fn wanted(instructions: &[&str]) -> usize {
    const THINGS: [&str; 5] = ["label", "id", "document", "passage", "result"];
    let named = |text: &str| {
        let found = text.match_indices("best ").chain(text.match_indices("top "));
        let mut numbers: Vec<(usize, usize)> = found
            .filter_map(|(at, word)| {
                let (number, rest) = leading_number(&text[at + word.len()..])?;
                let counted = THINGS.iter().any(|thing| rest.trim_start().starts_with(thing));
                counted.then_some((at, number))
            })
            .collect();
        numbers.sort_unstable();
        numbers.pop().map(|(_, number)| number)
    };
    instructions.iter().rev().find_map(|text| named(text)).unwrap_or(usize::MAX)
}

/// The number in "from 0 to 3".
fn highest(instructions: &[&str]) -> u8 {
    let named = |text: &str| {
        let scales = ["0 to ", "0-", "0–"].iter().flat_map(|start| {
            text.match_indices(start).filter(|(at, _)| !text[..*at].ends_with(in_a_number))
        });
        let mut found: Vec<(usize, u8)> = scales
            .filter_map(|(at, start)| {
                let (number, _) = leading_number(&text[at + start.len()..])?;
                Some((at, u8::try_from(number).ok().filter(|number| (1..=100).contains(number))?))
            })
            .collect();
        found.sort_unstable();
        found.first().map(|(_, highest)| *highest)
    };
    instructions.iter().find_map(|text| named(text)).unwrap_or(HIGHEST)
}

fn in_a_number(c: char) -> bool {
    c.is_ascii_digit() || matches!(c, '.' | ',' | '-')
}

fn leading_number(text: &str) -> Option<(usize, &str)> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, rest) = text.split_at(digits);
    Some((number.parse().ok()?, rest))
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use test_case::test_case;

    use super::*;

    const ALL: usize = usize::MAX;

    fn order(wanted: usize, json: bool) -> Task {
        Task::Order { wanted, json }
    }

    #[test_case(
        "{\"ranking\": [label, ...]}, best first, with the best 5 labels.",
        Some(order(5, true))
    )]
    #[test_case(
        "{\"ranking\": [label, ...]}, with all 20 labels, each once.",
        Some(order(ALL, true))
    )]
    #[test_case("The top 3 passages, as {\"ranking\": []}", Some(order(3, true)))]
    #[test_case("The best 3 person tents. {\"ranking\": []}", Some(order(ALL, true)))]
    #[test_case("Answer as [4] > [2], and so on.", Some(order(ALL, false)))]
    #[test_case("Grade from 0 to 10. {\"scores\": []}", Some(Task::Grades { highest: 10 }))]
    #[test_case("Judge from 0 to 3. {\"scores\": []}", Some(Task::Grades { highest: 3 }))]
    #[test_case("Below 10 to 20 €. {\"scores\": []}", Some(Task::Grades { highest: 10 }))]
    #[test_case("{\"better\": label}", Some(Task::Better))]
    #[test_case("Answer only Yes or No.", Some(Task::YesNo))]
    #[test_case("Not \"scores\" but {\"ranking\": []}", Some(order(ALL, true)) ; "the last one")]
    #[test_case("Why is it so?", None)]
    fn reads_instructions(text: &str, expected: Option<Task>) {
        for prompt in [
            Prompt::new([text, "Query: a\n[1] b\n[2] c"]),
            Prompt::new([format!("Query: a\n[1] b\n[2] c\n{text}").as_str()]),
        ] {
            assert_eq!(Task::of(None, &prompt), expected);
        }
    }

    #[test]
    fn a_passage_asks_for_nothing() {
        let prompt =
            Prompt::new(["[1] \"scores\" and the best 2 labels\n[2] b\n{\"ranking\": []}"]);
        assert_eq!(Task::of(None, &prompt), Some(order(ALL, true)));
    }

    #[test_case("ranking", Some(order(2, true)))]
    #[test_case("scores", Some(Task::Grades { highest: 10 }))]
    #[test_case("better", Some(Task::Better))]
    #[test_case("items", None)]
    fn a_schema_says_it_best(property: &str, expected: Option<Task>) {
        let schema = json!({ "type": "object", "properties": { property: {} } });
        let prompt = Prompt::new(["[1] a\n[2] b\nYes or No? The best 2 labels."]);
        assert_eq!(Task::of(Some(&schema), &prompt), expected);
    }
}
