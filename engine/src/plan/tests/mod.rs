//! The planner's rules, each a property over random worlds, and the judge's, each with a plan that breaks it.

mod apply;
mod canary;
mod golden;
mod judged;
mod oracle;
mod properties;
mod rules;
mod speed;
mod twice;
mod worlds;
