//! Chance, from a seed.

use lucidlink::env::SeededRandom;

pub struct Chance(pub SeededRandom);

impl Chance {
    pub fn new(seed: u64) -> Chance {
        Chance(SeededRandom::new(seed))
    }

    /// A number below a limit.
    pub fn below(&self, limit: u64) -> u64 {
        self.0.next_u64() % limit
    }

    /// Once in so many times.
    pub fn once_in(&self, times: u64) -> bool {
        self.below(times) == 0
    }

    /// One of these, if there are any.
    pub fn of<T: Clone>(&self, these: impl IntoIterator<Item = T>) -> Option<T> {
        let these: Vec<T> = these.into_iter().collect();
        (!these.is_empty()).then(|| these[self.below(these.len() as u64) as usize].clone())
    }

    /// One of these, of which there is at least one.
    pub fn one<T: Clone>(&self, these: &[T]) -> T {
        these[self.below(these.len() as u64) as usize].clone()
    }

    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        std::array::from_fn(|_| self.0.next_u64() as u8)
    }
}
