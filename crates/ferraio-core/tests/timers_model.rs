//! Compares the timers with a naive model, a sorted list, on random histories.

use ferraio_core::timers::{AfterCancel, Timers};
use proptest::prelude::*;

#[derive(Clone, Debug)]
enum Step {
    Insert(f64),
    Cancel(prop::sample::Index),
    Pop,
    PopDue(f64),
    Sweep,
    TakeAll,
}

/// The timers by (deadline, name); names count up, so they are the order of arrival. A name is the index of its fate.
#[derive(Default)]
struct Model {
    sorted: Vec<(f64, usize)>,
    is_cancelled: Vec<bool>,
}

impl Model {
    fn insert(&mut self, when: f64) -> usize {
        let name = self.is_cancelled.len();
        self.is_cancelled.push(false);
        let place = self.sorted.partition_point(|entry| entry.0 <= when);
        self.sorted.insert(place, (when, name));
        name
    }

    fn pop(&mut self) -> Option<(f64, usize)> {
        (!self.sorted.is_empty()).then(|| self.sorted.remove(0))
    }

    fn pop_due(&mut self, now: f64) -> Option<usize> {
        self.sorted.first().filter(|entry| entry.0 <= now)?;
        self.pop().map(|(_, name)| name)
    }

    fn cancelled(&self) -> usize {
        let names = self.sorted.iter().map(|&(_, name)| name);
        names.filter(|&name| self.is_cancelled[name]).count()
    }

    fn sweep(&mut self) -> Vec<usize> {
        let is_cancelled = &self.is_cancelled;
        let swept = self.sorted.extract_if(.., |entry| is_cancelled[entry.1]);
        swept.map(|(_, name)| name).collect()
    }
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    // Few different deadlines, so that many are equal.
    let when = (0..40).prop_map(|tenths| f64::from(tenths) / 10.0);
    let step = prop_oneof![
        20 => when.clone().prop_map(Step::Insert),
        9 => any::<prop::sample::Index>().prop_map(Step::Cancel),
        3 => Just(Step::Pop),
        3 => when.prop_map(Step::PopDue),
        1 => prop_oneof![9 => Just(Step::Sweep), 1 => Just(Step::TakeAll)],
    ];
    prop::collection::vec(step, 0..600)
}

fn sorted(mut names: Vec<usize>) -> Vec<usize> {
    names.sort_unstable();
    names
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn any_history_of_timers_is_that_of_a_sorted_list(steps in steps()) {
        let mut timers = Timers::new();
        let mut model = Model::default();
        for step in steps {
            let popped = match step {
                Step::Insert(when) => {
                    timers.insert(when, model.insert(when));
                    None
                }
                Step::Cancel(index) => {
                    let alive: Vec<_> =
                        model.sorted.iter().filter(|entry| !model.is_cancelled[entry.1]).collect();
                    if !alive.is_empty() {
                        let name = index.get(&alive).1;
                        model.is_cancelled[name] = true;
                        let is_sparse = model.sorted.len() > 100 && model.cancelled() * 2 > model.sorted.len();
                        match timers.note_cancelled() {
                            AfterCancel::Leave => prop_assert!(!is_sparse),
                            AfterCancel::Sweep => {
                                prop_assert!(is_sparse);
                                let removed = timers.sweep(|&name| !model.is_cancelled[name]);
                                prop_assert_eq!(sorted(removed), sorted(model.sweep()));
                            }
                        }
                    }
                    None
                }
                Step::Pop => {
                    let popped = timers.pop();
                    prop_assert_eq!(popped, model.pop());
                    popped.map(|(_, name)| name)
                }
                Step::PopDue(now) => {
                    let popped = timers.pop_due(now);
                    prop_assert_eq!(popped, model.pop_due(now));
                    popped
                }
                Step::Sweep => {
                    let removed = timers.sweep(|&name| !model.is_cancelled[name]);
                    prop_assert_eq!(sorted(removed), sorted(model.sweep()));
                    None
                }
                Step::TakeAll => {
                    let all = std::mem::take(&mut model.sorted).into_iter().map(|entry| entry.1).collect();
                    prop_assert_eq!(sorted(timers.take_all()), sorted(all));
                    None
                }
            };
            if popped.is_some_and(|name| model.is_cancelled[name]) {
                timers.note_removed_cancelled();
            }
            prop_assert_eq!(timers.len(), model.sorted.len());
            prop_assert_eq!(timers.is_empty(), model.sorted.is_empty());
            prop_assert_eq!(timers.peek().map(|(when, &name)| (when, name)), model.sorted.first().copied());
            let names = timers.iter().map(|(_, &name)| name).collect();
            prop_assert_eq!(sorted(names), sorted(model.sorted.iter().map(|entry| entry.1).collect()));
        }
        while let Some(popped) = timers.pop() {
            prop_assert_eq!(Some(popped), model.pop());
        }
        prop_assert_eq!(model.pop(), None);
    }
}
