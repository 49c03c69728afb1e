//! What earlier replies said, so that a window is paid for once.

use std::sync::Arc;

use futures::future::BoxFuture;

use super::PartialOrder;
use super::strategy::Window;
use super::window::Asker;
use crate::prompt::Task;

/// Where replies are kept between requests.
pub trait Remember: Send + Sync {
    /// What was kept under this key.
    fn recall(&self, key: blake3::Hash) -> BoxFuture<'_, Option<Remembered>>;
    /// Keeps a usable reply.
    fn keep(&self, key: blake3::Hash, reply: Remembered) -> BoxFuture<'_, ()>;
}

/// A usable reply without anything of its documents' text.
#[derive(Clone, Debug, PartialEq)]
pub enum Remembered {
    /// Places in the window, best first, and those left unranked.
    Order {
        /// Best first.
        ranked: Vec<u16>,
        /// Shown and not ranked.
        unranked: Vec<u16>,
    },
    /// The grade of one document, in [0, 1].
    Grade(f64),
}

/// The replies that one rerank may know of.
pub(super) struct Memory {
    store: Arc<dyn Remember>,
}

/// A window after a look into the memory.
pub(super) struct Recalled {
    /// What is known of it; empty where nothing is.
    pub known: PartialOrder,
    /// What is still to be asked; none where everything is known.
    pub ask: Option<Window>,
}

impl Memory {
    pub fn new(store: Arc<dyn Remember>) -> Self {
        Self { store }
    }

    /// What is known of a window. Grades are absolute, and are known document
    /// by document; an order is known for the same documents shown in the same
    /// order, whatever their places in this request.
    pub async fn recall(&self, asker: &Asker, window: Window) -> Recalled {
        if !is_graded(window.task) {
            let kept = self.store.recall(asker.window_key(&window)).await;
            return match kept.and_then(|kept| order_of(&window, &kept)) {
                Some(known) => Recalled { known, ask: None },
                None => Recalled { known: PartialOrder::default(), ask: Some(window) },
            };
        }
        let (mut known, mut unknown) = (PartialOrder::default(), Vec::new());
        for &member in &window.members {
            let alone = Window::new(window.task, vec![member], 1);
            match self.store.recall(asker.window_key(&alone)).await {
                Some(Remembered::Grade(grade)) => {
                    known.ranked.push(member);
                    known.grades.push((member, grade));
                }
                _ => unknown.push(member),
            }
        }
        let all = unknown.len();
        let ask = (all > 0).then(|| Window::new(window.task, unknown, all));
        Recalled { known, ask }
    }

    /// Keeps what a reply said of the window that was asked.
    pub async fn keep(&self, asker: &Asker, window: &Window, reply: &PartialOrder) {
        for &(member, grade) in &reply.grades {
            let alone = Window::new(window.task, vec![member], 1);
            self.store.keep(asker.window_key(&alone), Remembered::Grade(grade)).await;
        }
        if !is_graded(window.task)
            && let Some(order) = places_of(window, reply)
        {
            self.store.keep(asker.window_key(window), order).await;
        }
    }
}

const fn is_graded(task: Task) -> bool {
    matches!(task, Task::Graded | Task::Pointwise)
}

fn order_of(window: &Window, kept: &Remembered) -> Option<PartialOrder> {
    let Remembered::Order { ranked, unranked } = kept else { return None };
    let members = |places: &[u16]| -> Option<Vec<usize>> {
        places.iter().map(|&at| window.members.get(usize::from(at)).copied()).collect()
    };
    let ranked: Vec<usize> = members(ranked)?;
    Some(PartialOrder { ranked, unranked: members(unranked)?, grades: Vec::new() })
}

/// None where the reply saw a part of the window only, as in a small context:
/// it would pass for all that can be known of the window.
fn places_of(window: &Window, reply: &PartialOrder) -> Option<Remembered> {
    if reply.ranked.len() + reply.unranked.len() < window.members.len() {
        return None;
    }
    let places = |members: &[usize]| -> Option<Vec<u16>> {
        members
            .iter()
            .map(|member| {
                let place = window.members.iter().position(|it| it == member)?;
                u16::try_from(place).ok()
            })
            .collect()
    };
    Some(Remembered::Order { ranked: places(&reply.ranked)?, unranked: places(&reply.unranked)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window() -> Window {
        Window::new(Task::Listwise, vec![7, 3, 9], 2)
    }

    #[test]
    fn an_order_is_kept_by_places_and_comes_back_for_other_positions() {
        let reply = PartialOrder { ranked: vec![9, 7], unranked: vec![3], grades: Vec::new() };
        let kept = places_of(&window(), &reply).unwrap();
        assert_eq!(order_of(&window(), &kept), Some(reply));
        let moved = Window::new(Task::Listwise, vec![0, 1, 2], 2);
        assert_eq!(order_of(&moved, &kept).unwrap().ranked, [2, 0]);
        let short = Window::new(Task::Listwise, vec![0, 1], 2);
        assert_eq!(order_of(&short, &kept), None);
    }

    #[test]
    fn a_reply_to_a_part_of_the_window_is_not_kept() {
        let part = PartialOrder { ranked: vec![3], unranked: vec![7], grades: Vec::new() };
        assert_eq!(places_of(&window(), &part), None);
    }
}
