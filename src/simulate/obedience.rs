//! A model that does what documents tell it: it ranks first whatever has an
//! attack in it whose needs all reached it to the letter. No real model is so
//! easily led; what fools this one not, fools none by its form.

use super::attacks::Attacks;
use super::corpus::Reading;
use super::prompt::Prompt;
use super::task::Task;

/// Marks what a prompt shows with an attack in it; gives how many that are.
pub(super) fn obey(attacks: &Attacks, task: Task, prompt: &Prompt, reading: &mut Reading) -> usize {
    let texts: Vec<&str> = match task {
        Task::YesNo => vec![prompt.text()],
        Task::Order { .. } | Task::Grades { .. } | Task::Better => {
            prompt.whole_passages().collect()
        }
    };
    for (shown, text) in reading.shown.iter_mut().zip(texts) {
        shown.obeyed = attacks.reach(text);
    }
    reading.shown.iter().filter(|shown| shown.obeyed).count()
}
