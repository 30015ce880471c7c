//! Chance that can be repeated: numbers from a seed and a step (splitmix64), the same on every
//! machine and in every version.

/// Throws what the seed says.
#[derive(Debug, Clone)]
pub struct Dice(u64);

impl Dice {
    /// For one step of a play.
    pub fn new(seed: u64, step: u64) -> Self {
        let mut dice = Self(seed ^ step.wrapping_mul(0xd6e8_feb8_6659_fd93));
        dice.throw();
        dice
    }

    /// Any number.
    pub fn throw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `end`; 0 where that is 0.
    pub fn below(&mut self, end: usize) -> usize {
        let end = u64::try_from(end).unwrap_or(u64::MAX).max(1);
        usize::try_from(self.throw() % end).unwrap_or_default()
    }

    /// So many times in a hundred.
    pub fn percent(&mut self, chance: usize) -> Chance {
        if self.below(100) < chance { Chance::Strikes } else { Chance::Passes }
    }

    /// One of them; `None` where there is none.
    pub fn one_of<'a, T>(&mut self, among: &'a [T]) -> Option<&'a T> {
        among.get(self.below(among.len()))
    }

    /// One by its weight; `None` where all weigh nothing.
    pub fn weighed<T>(&mut self, among: Vec<(usize, T)>) -> Option<T> {
        let mut left = self.below(among.iter().map(|(weight, _)| weight).sum());
        for (weight, thing) in among {
            if left < weight {
                return Some(thing);
            }
            left -= weight;
        }
        None
    }
}

/// Whether something that may happen does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Chance {
    /// It does.
    Strikes,
    /// It does not.
    Passes,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_and_step_throw_the_same() {
        let throws = |seed, step| [(); 4].map(|()| Dice::new(seed, step).throw());
        assert_eq!(throws(1, 2), throws(1, 2));
        assert_ne!(throws(1, 2), throws(1, 3));
        assert_ne!(throws(1, 2), throws(2, 2));
    }

    #[test]
    fn what_weighs_nothing_is_never_chosen() {
        for step in 0..200 {
            let chosen = Dice::new(7, step).weighed(vec![(0, "never"), (3, "often"), (0, "never")]);
            assert_eq!(chosen, Some("often"));
        }
        assert_eq!(Dice::new(7, 0).weighed(vec![(0, ())]), None);
        assert_eq!(Dice::new(7, 0).one_of::<u8>(&[]), None);
    }
}
