//! What the embedder refuses, and what the operator is told.

use childproof_host::Proposal;
use childproof_host::audit::AuditEvent;
use childproof_tests::Case;

pub(crate) fn policy_hook_refuses(case: Case) {
    let hook = |proposal: &Proposal<'_>| match proposal.args.iter().any(|arg| arg.contains("forbidden")) {
        true => Err("not on a Sunday".to_owned()),
        false => Ok(()),
    };
    let outcome = case.hook(hook).meets();
    let refused = |event: &&AuditEvent| matches!(event, AuditEvent::Refused { .. });
    let refusals: Vec<_> = outcome.events.iter().filter(refused).collect();
    match refusals[..] {
        [
            AuditEvent::Refused {
                grant, reason, rule, ..
            },
        ] => {
            assert_eq!(
                (grant.as_str(), reason.as_str(), rule.as_str()),
                ("sh", "not on a Sunday", "hook")
            );
        }
        _ => panic!("{refusals:#?}"),
    }
}

pub(crate) fn policy_audit_tells_all(case: Case) {
    let outcome = case.meets();
    let told: Vec<String> = outcome.events.iter().map(brief).collect();
    let expected = [
        r#"1 granted sh ["-c", "exit 3"] by grants.sh.args"#,
        "1 started sh",
        "1 ended sh: exited 3 by itself",
        "refused unheard-of []: program by grants",
        r#"refused bare ["push"]: args[0] by grants.bare.args"#,
        r#"2 granted sleep ["1000"] by grants.sleep.args"#,
        "2 started sleep",
        "2 ended sleep: signaled SIGTERM by guest",
        r#"3 granted sleep ["1000"] by grants.sleep.args"#,
        "3 started sleep",
        "3 ended sleep: signaled SIGKILL by wall-time",
        "4 granted interpreter-missing [] by grants.interpreter-missing.args",
        "4 failed interpreter-missing",
        r#"5 granted unsignalled ["1000"] by grants.unsignalled.args"#,
        "5 started unsignalled",
        "refused unsignalled []: signal by grants.unsignalled.signals",
        "5 ended unsignalled: signaled SIGKILL by guest",
        "refused true []: args by system",
        r#"6 granted sleep ["1000"] by grants.sleep.args"#,
        "6 started sleep",
        "6 ended sleep: signaled SIGKILL by guest",
    ];
    assert_eq!(told, expected);
}

/// An event in a line. That a process that ended has a usage, and a refusal a reason, is asserted on the way.
fn brief(event: &AuditEvent) -> String {
    match event {
        AuditEvent::Granted {
            id,
            grant,
            program,
            args,
            rule,
        } => {
            assert!(program.is_absolute());
            format!("{id} granted {grant} {args:?} by {rule}")
        }
        AuditEvent::Refused {
            grant,
            args,
            field,
            reason,
            rule,
            ..
        } => {
            assert!(!reason.is_empty());
            format!("refused {grant} {args:?}: {field} by {rule}")
        }
        AuditEvent::Failed { id, grant, reason } => {
            assert!(!reason.is_empty());
            format!("{id} failed {grant}")
        }
        AuditEvent::Started { id, grant, pid } => {
            assert_ne!(*pid, 0);
            format!("{id} started {grant}")
        }
        AuditEvent::Ended {
            id,
            grant,
            status,
            by,
            user_us,
            system_us,
            ..
        } => {
            assert!(user_us.is_some() && system_us.is_some());
            format!("{id} ended {grant}: {status} by {by}")
        }
        other => panic!("an event that nobody asked for: {other:?}"),
    }
}
