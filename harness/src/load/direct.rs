//! The engine without a framework: one task per arrival, bounded by the number of users. It is the
//! oracle that goose is compared with, and the engine for more users than goose starts quickly.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use reqwest::Client;
use tokio::sync::Semaphore;

use super::Work;
use super::arrival::Arrival;
use super::client::{Sent, exchange};

/// Sends arrivals until the queue is closed and all of them have ended; returns how many requests
/// were handed to the client.
pub(super) async fn drive(work: &Arc<Work>) -> u64 {
    let permits = Arc::new(Semaphore::new(work.users));
    let requests = Arc::new(AtomicU64::new(0));
    // The semaphore is never closed, so a permit always comes.
    while let Ok(permit) = Arc::clone(&permits).acquire_owned().await {
        let Some(arrival) = work.queue.take().await else {
            drop(permit);
            break;
        };
        let (work, requests) = (Arc::clone(work), Arc::clone(&requests));
        tokio::spawn(async move {
            work.guarded(send(&work.client, &work.entry, arrival, &requests)).await;
            drop(permit);
        });
    }
    let everybody = u32::try_from(work.users).unwrap_or(u32::MAX);
    let _ = permits.acquire_many(everybody).await;
    requests.load(Ordering::Relaxed)
}

async fn send(client: &Client, entry: &str, arrival: Arrival, requests: &AtomicU64) {
    let send = async |builder: reqwest::RequestBuilder| {
        requests.fetch_add(1, Ordering::Relaxed);
        builder.send().await.map_or_else(Sent::Failed, Sent::Answered)
    };
    exchange(client, entry, arrival, send).await;
}
