use super::{Plan, PlanProblem, ProblemCode};

/// Largest plan that is read.
pub const PLAN_MAX_BYTES: usize = 4 * 1024 * 1024;

/// Reads a plan, or says where it is not one and what was expected there. The rest is said by `compile`.
pub fn parse(json: &[u8]) -> Result<Plan, PlanProblem> {
    if json.len() > PLAN_MAX_BYTES {
        return Err(PlanProblem::error(ProblemCode::TooMuch, "$", "is larger than 4 MiB"));
    }
    let mut reader = serde_json::Deserializer::from_slice(json);
    let plan = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let path = match error.path().to_string().as_str() {
            "." | "" => "$".to_owned(),
            path => path.to_owned(),
        };
        PlanProblem::error(ProblemCode::Shape, path, crate::reply::sanitize(&error.inner().to_string()))
    })?;
    reader.end().map_err(|error| PlanProblem::error(ProblemCode::Shape, "$", error.to_string()))?;
    Ok(plan)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(json: &str) -> (String, String) {
        let problem = parse(json.as_bytes()).expect_err("not a plan");
        (problem.path, problem.message)
    }

    #[test]
    fn what_does_not_fit_is_named_with_its_path_and_what_was_expected() {
        let (path, message) = refused(
            r#"{"version":1,"startNodeId":"a","nodes":[{"id":"a","action":"send","transitions":[{"on":"openned","to":"b"}]}]}"#,
        );
        assert_eq!(path, "nodes[0].transitions[0].on");
        assert!(message.contains("unknown variant `openned`") && message.contains("`opened`"), "{message}");

        let (path, message) = refused(
            r#"{"version":1,"startNodeId":"a","nodes":[{"id":"a","action":"wait","schedule":{"delay":"3 days"}}]}"#,
        );
        assert_eq!(path, "nodes[0].schedule.delay");
        assert!(message.contains("ISO 8601 duration"), "{message}");

        let (path, message) = refused(r#"{"version":1,"startNodeId":"a","nodes":[],"node":[]}"#);
        assert_eq!(path, "node");
        assert!(message.contains("unknown field `node`"), "{message}");
        assert_eq!(refused("[]").0, "$");
        assert_eq!(refused("").0, "$");
        let (path, message) = refused(r#"{"version":1,"startNodeId":"a","nodes":[]} x"#);
        assert_eq!((path.as_str(), message.contains("trailing")), ("$", true), "{message}");
    }

    #[test]
    fn times_and_zones_say_what_they_want() {
        for (field, value, expected) in [
            ("timezone", r#""Mars/Olympus""#, "IANA time zone"),
            ("quietHours", r#"{"start":"9","end":"10:00"}"#, "time of day"),
            ("holidays", r#"["25.12.2026"]"#, "invalid"),
        ] {
            let json = format!(r#"{{"version":1,"startNodeId":"a","nodes":[],"{field}":{value}}}"#);
            let (path, message) = refused(&json);
            assert!(path.starts_with(field) && message.contains(expected), "{path}: {message}");
        }
    }

    #[test]
    fn a_plan_reads_back_as_it_was_written() -> anyhow::Result<()> {
        let json = include_str!("examples/five_nodes.json");
        let plan = parse(json.as_bytes())?;
        assert_eq!(parse(&serde_json::to_vec(&plan)?)?, plan);
        Ok(())
    }
}
