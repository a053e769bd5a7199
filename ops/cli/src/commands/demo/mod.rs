use std::process::ExitCode;
#[derive(clap::Args)]
pub struct DemoOptions {}
pub async fn run(_: DemoOptions) -> anyhow::Result<ExitCode> {
    Ok(ExitCode::SUCCESS)
}
