use lettre::transport::smtp::commands::{Mail, Rset};
use lettre::transport::smtp::extension::ClientId;

use super::answer::SmtpFailure;
use super::dial::{TlsRoots, dial, phase};
use super::session::mailbox;
use super::{SmtpAccount, SmtpTimeouts};
use crate::Egress;
use domain::messages::refusal::Phase;

/// Whether an account works: it connects, is protected as asked, authenticates, and its server takes mail from the
/// address. Nothing is sent.
pub async fn check_account(
    account: &SmtpAccount,
    from: &str,
    egress: &Egress,
    roots: &TlsRoots,
    hello: &str,
    timeouts: &SmtpTimeouts,
) -> Result<(), SmtpFailure> {
    let hello = ClientId::Domain(hello.to_owned());
    let mut connection = dial(account, egress, roots, &hello, timeouts).await?.connection;
    let from = mailbox(Phase::MailFrom, from)?;
    phase(timeouts.envelope, Phase::MailFrom, connection.command(Mail::new(Some(from), vec![]))).await?;
    phase(timeouts.envelope, Phase::MailFrom, connection.command(Rset)).await?;
    // It was answered; that the server also says goodbye changes nothing.
    let _ = phase(timeouts.hello, Phase::MailFrom, connection.quit()).await;
    Ok(())
}
