//! What a send says.

use crate::plans::{Node, PlanProblem, ProblemCode};
use crate::templates::{Template, Variable};

/// The variable that the unsubscribe link stands in.
const UNSUBSCRIBE: &str = "unsubscribe_url";
/// Every message has these.
const ALWAYS_THERE: [&str; 4] = ["email", UNSUBSCRIBE, "enrollment_id", "journey_name"];

pub fn check(node: &Node, path: &str, problems: &mut Vec<PlanProblem>) {
    let parts = [(&node.subject, "subject"), (&node.body, "body")];
    for (source, part) in parts {
        let path = format!("{path}.{part}");
        let Some(source) = source.as_deref().filter(|source| !source.trim().is_empty()) else {
            let message = format!("a send needs a {part}");
            problems.push(PlanProblem::error(ProblemCode::MissingContent, path, message));
            continue;
        };
        let variables = match Template::variables(source) {
            Ok(variables) => variables,
            Err(error) => {
                problems.push(PlanProblem::error(ProblemCode::InvalidTemplate, path, error.to_string()));
                continue;
            }
        };
        if part == "body" && !variables.iter().any(|variable| variable.name == UNSUBSCRIBE) {
            let problem = PlanProblem::error(ProblemCode::MissingUnsubscribeLink, &path, "has no unsubscribe link");
            problems.push(problem.hint(r#"<a href="{{unsubscribe_url}}">unsubscribe</a>"#));
        }
        for Variable { name, .. } in
            variables.iter().filter(|variable| !variable.has_fallback && !is_given(&variable.name))
        {
            let message = format!("{name} renders empty for a contact that lacks it");
            let problem = PlanProblem::warning(ProblemCode::VariableWithoutFallback, &path, message);
            problems.push(problem.hint(format!(r#"{{{{default {name} "…"}}}}"#)));
        }
    }
}

fn is_given(name: &str) -> bool {
    ALWAYS_THERE.contains(&name) || name.starts_with("sender.") || name.starts_with("tenant.")
}
