//! Explores every order in which posters and the loop can meet at the inbox.
//!
//! Run with `RUSTFLAGS="--cfg loom" cargo test -p ferraio-core --test loom_inbox`. A lost wake-up shows as a deadlock.
#![cfg(loom)]

use ferraio_core::inbox::{AfterPost, Inbox};
use loom::sync::{Arc, Notify};
use loom::thread;

/// An inbox and the bell that stands for the waker and the wait.
struct Post {
    inbox: Inbox<u32>,
    bell: Notify,
}

impl Post {
    fn new() -> Arc<Self> {
        Arc::new(Self { inbox: Inbox::new(), bell: Notify::new() })
    }

    /// Posts as another thread does; tells whether it rang.
    fn post(&self, item: u32) -> bool {
        let rings = self.inbox.post(item) == Ok(AfterPost::Wake);
        if rings {
            self.bell.notify();
        }
        rings
    }

    /// Makes turns as the loop does, until so many posts have come.
    fn take_posts(&self, count: usize) -> Vec<u32> {
        let mut taken = Vec::new();
        while taken.len() < count {
            if self.inbox.prepare_sleep() {
                self.bell.wait();
                self.inbox.wake_up();
            }
            self.inbox.take(&mut taken);
        }
        taken
    }
}

#[test]
fn a_post_before_the_wait_always_ends_it() {
    loom::model(|| {
        let post = Post::new();
        let poster = thread::spawn({
            let post = Arc::clone(&post);
            move || post.post(1)
        });
        assert_eq!(post.take_posts(1), [1]);
        poster.join().expect("the poster has not panicked");
    });
}

#[test]
fn posts_of_one_thread_arrive_in_order_over_several_sleeps() {
    loom::model(|| {
        let post = Post::new();
        let poster = thread::spawn({
            let post = Arc::clone(&post);
            move || {
                post.post(1);
                post.post(2);
            }
        });
        assert_eq!(post.take_posts(2), [1, 2]);
        poster.join().expect("the poster has not panicked");
    });
}

#[test]
fn posts_of_two_threads_all_arrive() {
    loom::model(|| {
        let post = Post::new();
        let posters = [1, 2].map(|item| {
            let post = Arc::clone(&post);
            thread::spawn(move || post.post(item))
        });
        let mut taken = post.take_posts(2);
        taken.sort_unstable();
        assert_eq!(taken, [1, 2]);
        for poster in posters {
            poster.join().expect("the poster has not panicked");
        }
    });
}

#[test]
fn of_two_posters_to_a_sleeping_loop_exactly_one_rings() {
    loom::model(|| {
        let post = Post::new();
        assert!(post.inbox.prepare_sleep());
        let posters = [1, 2].map(|item| {
            let post = Arc::clone(&post);
            thread::spawn(move || post.post(item))
        });
        let rings = posters.map(|poster| poster.join().expect("the poster has not panicked"));
        assert_ne!(rings[0], rings[1]);
    });
}

#[test]
fn a_post_that_meets_the_closing_is_given_back_to_one_of_them() {
    loom::model(|| {
        let post = Post::new();
        let poster = thread::spawn({
            let post = Arc::clone(&post);
            move || post.inbox.post(1)
        });
        let closed_over = post.inbox.close();
        match poster.join().expect("the poster has not panicked") {
            Ok(_) => assert_eq!(closed_over, [1]),
            Err(item) => {
                assert_eq!(item, 1);
                assert!(closed_over.is_empty());
            }
        }
        assert!(!post.inbox.has_posts());
    });
}
