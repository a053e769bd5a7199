use serde::Deserialize;
use serde_json::value::RawValue;

use super::CampaignKind;
use crate::address::Address;
use crate::ids::SenderId;
use crate::messages::headers::is_header_text;
use crate::plans::{Action, Blast, Compiled, Journey, Plan, PlanProblem, ProblemCode, Stage, compile, parse};
use crate::problems::{FieldProblem, Problems};

const NAME_MAX: usize = 200;
const GENERATED_BY_MAX: usize = 200;
const NOTES_MAX: usize = 10_000;

/// A campaign as a caller asks for it: exactly one of `plan`, `blast` and `stages`.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"name": "Spring", "sender": "snd_01990000000070008000000000000006", "stages": [{"day": 0, "subject": "Hello {{default name \"there\"}}", "body": "<p>Hello. <a href=\"{{unsubscribe_url}}\">No more</a></p>"}]}))]
pub struct CampaignDraft {
    #[schema(min_length = 1, max_length = 200)]
    pub name: String,
    /// Sends what names no sender of its own.
    #[serde(default)]
    pub sender: Option<SenderId>,
    #[serde(default)]
    pub reply_to: Option<String>,
    /// A whole plan.
    #[serde(default)]
    #[schema(value_type = Plan)]
    pub plan: Option<Box<RawValue>>,
    /// One message to each contact.
    #[serde(default)]
    pub blast: Option<Blast>,
    /// A message on each of some days.
    #[serde(default)]
    #[schema(min_items = 1, max_items = 50)]
    pub stages: Option<Vec<Stage>>,
    /// Who or what wrote it.
    #[serde(default)]
    pub generated_by: Option<String>,
    #[serde(default)]
    pub notes: Option<String>,
    /// Takes enrollments at once. Otherwise it is a draft.
    #[serde(default)]
    pub start: bool,
}

/// A campaign that may be stored.
#[derive(Debug, Clone)]
pub struct NewCampaign {
    pub name: String,
    pub kind: CampaignKind,
    pub sender: Option<SenderId>,
    pub reply_to: Option<Address>,
    pub plan: Plan,
    pub compiled: Compiled,
    pub generated_by: Option<String>,
    pub notes: Option<String>,
    pub start: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InvalidCampaign {
    Fields(Vec<FieldProblem>),
    /// The plan does not compile.
    Plan(Vec<PlanProblem>),
}

impl CampaignDraft {
    /// Checks everything, and says everything that is wrong with the fields, or with the plan.
    pub fn validate(self) -> Result<NewCampaign, InvalidCampaign> {
        let mut problems = Problems::default();
        let name = self.name.trim().to_owned();
        let fits = |text: &Option<String>, most: usize| text.as_ref().is_none_or(|text| text.chars().count() <= most);
        problems.require("name", (1..=NAME_MAX).contains(&name.chars().count()), "has 1 to 200 characters");
        problems.require("name", is_header_text(&name), "has no line breaks or control characters");
        problems.require("generated_by", fits(&self.generated_by, GENERATED_BY_MAX), "has at most 200 characters");
        problems.require("notes", fits(&self.notes, NOTES_MAX), "has at most 10,000 characters");
        let reply_to = self.reply_to.as_deref().and_then(|text| problems.keep("reply_to", Address::parse(text)));
        let given = [self.plan.is_some(), self.blast.is_some(), self.stages.is_some()];
        let forms = given.into_iter().filter(|given| *given).count();
        problems.require("plan", forms == 1, "give exactly one of plan, blast and stages");
        if !problems.is_empty() {
            return Err(InvalidCampaign::Fields(problems.list()));
        }
        let (kind, plan) = match (self.plan, self.blast, self.stages) {
            (Some(json), ..) => (CampaignKind::Plan, parse(json.get().as_bytes()).map_err(|problem| vec![problem])),
            (_, Some(blast), _) => (CampaignKind::Blast, Ok(blast.plan())),
            (.., stages) => (CampaignKind::Journey, Journey { stages: stages.unwrap_or_default() }.plan()),
        };
        let plan = plan.map_err(InvalidCampaign::Plan)?;
        let compiled = compile(&plan).map_err(InvalidCampaign::Plan)?;
        let unsent = if self.sender.is_none() { without_sender(&plan) } else { Vec::new() };
        if !unsent.is_empty() {
            return Err(InvalidCampaign::Plan(unsent));
        }
        Ok(NewCampaign {
            name,
            kind,
            sender: self.sender,
            reply_to,
            plan,
            compiled,
            generated_by: self.generated_by,
            notes: self.notes,
            start: self.start,
        })
    }
}

impl NewCampaign {
    /// Every sender that it names.
    pub fn senders(&self) -> Vec<SenderId> {
        let of_nodes = self.plan.nodes.iter().filter_map(|node| node.sender_id);
        let mut all: Vec<SenderId> = of_nodes.chain(self.plan.defaults.sender_id).chain(self.sender).collect();
        all.sort_unstable();
        all.dedup();
        all
    }
}

/// Nodes that nobody would send.
pub(super) fn without_sender(plan: &Plan) -> Vec<PlanProblem> {
    if plan.defaults.sender_id.is_some() {
        return Vec::new();
    }
    let nodes = plan.nodes.iter().enumerate();
    nodes
        .filter(|(_, node)| node.action == Action::Send && node.sender_id.is_none())
        .map(|(at, node)| {
            let message = format!("node {} has no sender", node.id);
            PlanProblem::error(ProblemCode::MissingContent, format!("nodes[{at}].senderId"), message)
                .hint("name a sender for the campaign, in the plan's defaults, or here")
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const BODY: &str = r#"<a href="{{unsubscribe_url}}">no more</a>"#;
    const SENDER: &str = "snd_01990000000070008000000000000006";

    fn draft(value: serde_json::Value) -> CampaignDraft {
        serde_json::from_str(&value.to_string()).expect("the form of a draft")
    }

    #[test]
    fn each_form_gives_a_plan_that_compiles() {
        let blast = draft(json!({"name": "b", "sender": SENDER, "blast": {"subject": "Hi", "body": BODY}}));
        assert_eq!(blast.validate().expect("good").kind, CampaignKind::Blast);
        let stages =
            draft(json!({"name": "j", "sender": SENDER, "stages": [{"day": 0, "subject": "Hi", "body": BODY}]}));
        assert_eq!(stages.validate().expect("good").kind, CampaignKind::Journey);
        let plan = json!({"version": 1, "startNodeId": "a",
            "nodes": [{"id": "a", "action": "send", "subject": "Hi", "body": BODY, "senderId": SENDER}]});
        let plan = draft(json!({"name": "p", "plan": plan})).validate().expect("good");
        assert_eq!((plan.kind, plan.senders().len()), (CampaignKind::Plan, 1));
    }

    #[test]
    fn what_is_wrong_is_said_of_fields_and_of_plans() {
        let none = draft(json!({"name": " ", "reply_to": "x"})).validate().expect_err("bad");
        let InvalidCampaign::Fields(fields) = none else { panic!("{none:?}") };
        let names: Vec<&str> = fields.iter().map(|field| field.field.as_str()).collect();
        assert_eq!(names, ["name", "reply_to", "plan"]);
        let both = json!({"name": "n", "blast": {"subject": "s", "body": BODY}, "stages": []});
        assert!(matches!(draft(both).validate(), Err(InvalidCampaign::Fields(_))));
        let unsent = draft(json!({"name": "n", "blast": {"subject": "s", "body": BODY}})).validate();
        let Err(InvalidCampaign::Plan(problems)) = unsent else { panic!("{unsent:?}") };
        assert_eq!(problems[0].path, "nodes[0].senderId");
    }
}
