use clap::Args;
use serde_json::Value;

/// How a command answers.
#[derive(Args, Debug, Clone, Copy)]
pub struct OutputOptions {
    /// Print one JSON object instead of text.
    #[arg(long)]
    pub json: bool,
}

impl OutputOptions {
    /// Prints an object as JSON, or as `name: value` lines.
    pub fn print(self, answer: &Value) {
        match (self.json, answer) {
            (false, Value::Object(fields)) => {
                for (name, value) in fields {
                    println!("{name}: {}", value.as_str().map_or_else(|| value.to_string(), str::to_owned));
                }
            }
            _ => println!("{answer}"),
        }
    }
}
