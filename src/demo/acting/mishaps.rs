//! What goes wrong, and how people mend it: as an administrator does at GitHub (redeliver), in
//! Plane (bring two texts together by hand) and here (replay).

use super::{Done, Missed, called, line, repository};
use crate::clock::Clock;
use crate::demo::Demo;
use crate::demo::cast::{PLACES, PLAYERS};
use crate::demo::script::{IssueName, LooseEnd, Trouble};
use crate::sim::github::{RequestFault, WebhookFault};
use crate::sim::plane::{On, RequestFault as PlaneFault, WebhookFault as PlaneWebhookFault};
use crate::store::deliveries::{DeliveryFilter, DeliveryStatus};
use crate::sync::markdown;

/// Requests that an outage of Plane lasts: fewer than the tries of one delivery.
const OUTAGE: usize = 3;
/// Dead deliveries that are replayed at a time.
const REPLAYED: i64 = 100;

impl Demo {
    /// Lets it go wrong from here on; in words.
    pub(super) fn let_go_wrong(&mut self, trouble: Trouble) -> String {
        let plane = self.plane.faults();
        let pause = self.pause;
        let what = match trouble {
            Trouble::LostWebhook => {
                self.github.add_webhook_faults([WebhookFault::Lose]);
                "GitHub loses its next webhook, and sends none again by itself"
            }
            Trouble::DoubledWebhook => {
                self.github.add_webhook_faults([WebhookFault::Duplicate]);
                plane.next_webhooks(1, PlaneWebhookFault::Duplicate);
                "the next webhook of each side arrives twice"
            }
            Trouble::OvertakenWebhook => {
                self.github.add_webhook_faults([WebhookFault::Overtaken]);
                plane.next_webhooks(1, PlaneWebhookFault::AfterNext);
                "the next webhook of each side is overtaken by the one after it"
            }
            Trouble::PlaneDown => {
                plane.next_requests(OUTAGE, On::Any, PlaneFault::Status(502));
                "Plane answers 502 to the next requests; they are made again"
            }
            Trouble::LostAnswer => {
                plane.next_requests(1, On::Writes, PlaneFault::CutAfter);
                "Plane does the next write, and its answer gets lost"
            }
            Trouble::PlaneLimit => {
                let limit = PlaneFault::RetryLater { status: 429, retry_after: pause };
                plane.next_requests(1, On::Any, limit);
                "Plane says 429: too many requests, come back later"
            }
            Trouble::GithubLimit => {
                let limit = RequestFault::SecondaryLimit { retry_after: Some(pause) };
                self.github.add_request_faults([limit]);
                "GitHub says 403: a rate limit, come back later"
            }
            Trouble::DeadDelivery => {
                plane.next_requests(1, On::Writes, PlaneFault::Status(413));
                "a proxy before Plane refuses the next write (413): a dead delivery, which can be replayed"
            }
            Trouble::Conflict(_) => "both sides change one paragraph",
        };
        if matches!(trouble, Trouble::LostWebhook | Trouble::DeadDelivery) {
            self.loose_ends.push(LooseEnd { trouble, since: self.step });
        }
        line("Trouble", what)
    }

    /// Mends it, or comes back to it later.
    pub(super) async fn mend(&mut self, trouble: Trouble) -> Done {
        self.loose_ends.retain(|end| end.trouble != trouble);
        let again = LooseEnd { trouble, since: self.step };
        match trouble {
            Trouble::LostWebhook => match self.redeliver() {
                0 => {
                    self.loose_ends.push(again);
                    Err(Missed::Nothing)
                }
                _ => Ok(line("Mended", "GitHub was asked to deliver the lost webhook again")),
            },
            Trouble::DeadDelivery => match self.replay().await {
                0 => Err(Missed::Nothing),
                count => Ok(line("Mended", &format!("{count} dead deliveries were replayed"))),
            },
            Trouble::Conflict(issue) => self.settle(issue),
            Trouble::DoubledWebhook
            | Trouble::OvertakenWebhook
            | Trouble::PlaneDown
            | Trouble::LostAnswer
            | Trouble::PlaneLimit
            | Trouble::GithubLimit => Err(Missed::Nothing),
        }
    }

    /// Has GitHub send again what never arrived; how much that is.
    fn redeliver(&self) -> usize {
        let hooks = PLACES.iter().zip(&self.hooks);
        let again = hooks.map(|(place, hook)| {
            self.github.redeliver_failed(place.repository, *hook).unwrap_or_default()
        });
        again.sum()
    }

    /// Runs dead deliveries again; how many.
    async fn replay(&self) -> usize {
        let failed =
            DeliveryFilter { status: Some(DeliveryStatus::Failed), ..DeliveryFilter::default() };
        let store = self.store();
        let Ok(dead) = store.deliveries(&failed, None, REPLAYED).await else { return 0 };
        let mut count = 0;
        for delivery in dead {
            let now = Clock::System.now();
            let replayed = store.replay(delivery.source, &delivery.delivery_id, now).await;
            count += usize::from(replayed.is_ok());
        }
        count
    }

    /// Somebody takes GitHub's text over in Plane and says so, which brings the two in step.
    fn settle(&self, name: IssueName) -> Done {
        let issue = self.github_issue(name).ok_or(Missed::Nothing)?;
        let is_twin = |item: &crate::sim::plane::Item| {
            item.external.id.as_deref() == Some(issue.id.to_string().as_str())
        };
        let twin = self.plane.items().into_iter().find(is_twin).ok_or(Missed::Nothing)?;
        self.somebody(0)?.edit_description(twin.id, &markdown::issue_description(&issue))?;
        let person = self.github.acting_as(PLAYERS[0].login);
        let words = "Took this text over in Plane: both say the same again.";
        person.comment(repository(name), name.number, words)?;
        Ok(line("Mended", &format!("{} both texts were brought together", called(name))))
    }

    /// A delivery that died of something else is replayed after a while, too.
    pub(in crate::demo) fn notice_dead_deliveries(&mut self, dead: i64) {
        let known = |end: &LooseEnd| end.trouble == Trouble::DeadDelivery;
        if dead > 0 && !self.loose_ends.iter().any(known) {
            let trouble = Trouble::DeadDelivery;
            self.loose_ends.push(LooseEnd { trouble, since: self.step });
        }
    }
}
