//! Short forms of the plans that people write most: one message to everybody, or one every few days.

use serde::{Deserialize, Serialize};

use super::{Action, Node, Plan, PlanEvent, PlanProblem, ProblemCode, SPAN_MAX_DAYS, Schedule, Span, Transition};

/// Most stages of a journey.
const STAGES_MAX: usize = 50;

/// One message to each contact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Blast {
    pub subject: String,
    pub body: String,
}

/// A message on each of some days, until the contact answers, converts or wants no more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Journey {
    #[schema(min_items = 1, max_items = 50)]
    pub stages: Vec<Stage>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Stage {
    /// Days after the enrollment; each stage's day is later than the one's before it.
    #[schema(maximum = 366)]
    pub day: u16,
    pub subject: String,
    pub body: String,
}

impl Blast {
    pub fn plan(self) -> Plan {
        Plan::of(vec![send("blast".to_owned(), self.subject, self.body)])
    }
}

impl Journey {
    /// Each stage leads to the next when the days between them are over.
    pub fn plan(self) -> Result<Plan, Vec<PlanProblem>> {
        let mut problems = Vec::new();
        if self.stages.is_empty() || self.stages.len() > STAGES_MAX {
            let message = format!("has {} stages; 1 to {STAGES_MAX} are possible", self.stages.len());
            problems.push(PlanProblem::error(ProblemCode::TooMuch, "stages", message));
        }
        for (at, pair) in self.stages.windows(2).enumerate().filter(|(_, pair)| pair[1].day <= pair[0].day) {
            let message = format!("is {}, and the stage before it is on day {}", pair[1].day, pair[0].day);
            let path = format!("stages[{}].day", at + 1);
            problems.push(PlanProblem::error(ProblemCode::DelayOutOfRange, path, message));
        }
        for (at, stage) in self.stages.iter().enumerate().filter(|(_, stage)| i64::from(stage.day) > SPAN_MAX_DAYS) {
            let message = format!("is {}; at most {SPAN_MAX_DAYS} is possible", stage.day);
            problems.push(PlanProblem::error(ProblemCode::DelayOutOfRange, format!("stages[{at}].day"), message));
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        let days: Vec<u16> = self.stages.iter().map(|stage| stage.day).collect();
        let mut nodes: Vec<Node> = Vec::with_capacity(days.len());
        for (at, stage) in self.stages.into_iter().enumerate() {
            let mut node = send(format!("stage_{}", at + 1), stage.subject, stage.body);
            if at == 0 && stage.day > 0 {
                node.schedule = Some(Schedule::Delay(Span::days(stage.day)));
            }
            if let Some(next) = days.get(at + 1) {
                node.transitions.push(Transition {
                    on: PlanEvent::Elapsed,
                    to: format!("stage_{}", at + 2),
                    within: None,
                    after: Some(Span::days(next - stage.day)),
                });
            }
            nodes.push(node);
        }
        Ok(Plan::of(nodes))
    }
}

fn send(id: String, subject: String, body: String) -> Node {
    Node { subject: Some(subject), body: Some(body), ..Node::new(id, Action::Send) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plans::compile;

    const BODY: &str = r#"<a href="{{unsubscribe_url}}">no more</a>"#;

    fn stage(day: u16) -> Stage {
        Stage { day, subject: format!("Day {day}"), body: BODY.to_owned() }
    }

    #[test]
    fn a_blast_is_one_message() {
        let plan = Blast { subject: "Hello".to_owned(), body: BODY.to_owned() }.plan();
        let compiled = compile(&plan).expect("a good plan");
        assert_eq!(compiled.messages_max, Some(1));
    }

    #[test]
    fn a_journeys_stages_follow_each_other_by_the_days_between() {
        let plan = Journey { stages: vec![stage(1), stage(4), stage(10)] }.plan().expect("a good journey");
        assert_eq!(plan.nodes[0].schedule, Some(Schedule::Delay(Span::days(1))));
        assert_eq!(plan.nodes[1].transitions[0].after, Some(Span::days(6)));
        let compiled = compile(&plan).expect("a good plan");
        assert_eq!((compiled.messages_max, compiled.warnings), (Some(3), Vec::new()));
    }

    #[test]
    fn stages_that_do_not_follow_each_other_are_named() {
        let problems = Journey { stages: vec![stage(3), stage(3), stage(400)] }.plan().expect_err("no journey");
        let paths: Vec<&str> = problems.iter().map(|problem| problem.path.as_str()).collect();
        assert_eq!(paths, ["stages[1].day", "stages[2].day"]);
        assert!(Journey { stages: Vec::new() }.plan().is_err());
    }
}
