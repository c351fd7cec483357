//! The planner's rules, each a property over random worlds, and the judge's, each with a plan that breaks it.

mod apply;
mod rules;
mod worlds;
