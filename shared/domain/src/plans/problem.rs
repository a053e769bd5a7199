use std::fmt;

use serde::Serialize;

/// What is wrong with a plan, as a compiler would say it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct PlanProblem {
    pub code: ProblemCode,
    pub severity: Severity,
    /// Where it stands: `nodes[2].transitions[0].to`.
    pub path: String,
    pub message: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// The plan may not run.
    Error,
    /// It may run, and likely does something else than was meant.
    Warning,
}

/// Stable names of what can be wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ProblemCode {
    /// Not JSON, or not of the shape of a plan.
    Shape,
    UnknownVersion,
    TooMuch,
    DuplicateNode,
    InvalidId,
    UnknownNode,
    UnreachableNode,
    LoopWithoutWait,
    NotAvailable,
    MissingContent,
    InvalidTemplate,
    MissingUnsubscribeLink,
    VariableWithoutFallback,
    MisplacedField,
    DelayOutOfRange,
    InvalidHours,
    DuplicateTransition,
    SendAfterStop,
    NeverTaken,
}

impl PlanProblem {
    pub fn error(code: ProblemCode, path: impl Into<String>, message: impl Into<String>) -> Self {
        Self { code, severity: Severity::Error, path: path.into(), message: message.into(), hint: None }
    }

    pub fn warning(code: ProblemCode, path: impl Into<String>, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(code, path, message) }
    }

    pub fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }

    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

impl fmt::Display for PlanProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = if self.is_error() { "error" } else { "warning" };
        write!(f, "{severity} at {}: {}", self.path, self.message)?;
        self.hint.as_ref().map_or(Ok(()), |hint| write!(f, " ({hint})"))
    }
}

impl std::error::Error for PlanProblem {}
