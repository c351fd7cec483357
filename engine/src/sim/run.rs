//! A whole simulation: trouble first, then healing; the oracle after every step.

use super::world::{Canary, World};

/// Steps of trouble, at least and at most.
const STEPS: (u64, u64) = (10, 40);

/// What a simulation came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// What decides all of it.
    pub seed: u64,
    /// What happened, line by line.
    pub log: Vec<String>,
    /// What did not hold; empty if all did.
    pub wrong: Vec<String>,
}

impl Run {
    /// Seed, log and what is wrong, for a person.
    #[must_use]
    pub fn text(&self) -> String {
        format!("seed {}\n{}\nWRONG:\n{}", self.seed, self.log.join("\n"), self.wrong.join("\n"))
    }
}

/// Simulates one installation.
#[must_use]
pub fn run(seed: u64, canary: Canary) -> Run {
    simulate(seed, World::new(seed, canary))
}

/// The same where every place takes several objects at once. Threads race: the seed does not decide all of it.
#[must_use]
pub fn run_over_lanes(seed: u64, lanes: usize) -> Run {
    let mut world = World::new(seed, Canary::None);
    world.lanes = lanes;
    simulate(seed, world)
}

fn simulate(seed: u64, mut world: World) -> Run {
    if seed % 3 == 2 {
        world.list_late();
    }
    let wrong = story(&mut world).err().unwrap_or_default();
    Run { seed, log: world.log, wrong }
}

fn story(world: &mut World) -> Result<(), Vec<String>> {
    for at in 0..world.chance.between(STEPS.0, STEPS.1) {
        world.say(format!("-- {at}"));
        world.judged(World::step)?;
    }
    world.heal()
}
