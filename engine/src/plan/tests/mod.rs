//! The planner's rules, each a property over random worlds, and the judge's, each with a plan that breaks it.

mod admitted;
mod apply;
mod canary;
mod explained;
mod forget_by_hand;
mod golden;
mod home;
mod judged;
mod oracle;
mod passed_over;
mod properties;
mod rules;
mod same_disk;
mod seeded;
mod shown;
mod speed;
mod twice;
mod worlds;
