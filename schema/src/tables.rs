diesel::table! {
    kefu_id_block (name) {
        name -> Text,
        next_id -> BigInt,
    }
}

diesel::table! {
    kefu_conversation (id) {
        id -> BigInt,
        user_id -> BigInt,
        last_message_time -> Timestamp,
        last_message_content -> Text,
        last_message_content_type -> Integer,
        admin_pinned -> Bool,
        user_deleted -> Bool,
        admin_deleted -> Bool,
        admin_unread_message_count -> Integer,
        member_unread_message_count -> Integer,
        last_seq -> BigInt,
        admin_read_seq -> BigInt,
        member_read_seq -> BigInt,
        creator -> Text,
        create_time -> Timestamp,
        updater -> Text,
        update_time -> Timestamp,
        deleted -> Bool,
        tenant_id -> BigInt,
        marked_unread -> Bool,
        linked_user_id -> Nullable<BigInt>,
        task_id -> Nullable<BigInt>,
        task_state -> Integer,
        group_id -> Nullable<BigInt>,
        agent_id -> Nullable<BigInt>,
    }
}

diesel::table! {
    kefu_message (id) {
        id -> BigInt,
        conversation_id -> BigInt,
        seq -> BigInt,
        sender_id -> BigInt,
        sender_type -> Integer,
        receiver_id -> Nullable<BigInt>,
        receiver_type -> Nullable<Integer>,
        content_type -> Integer,
        content -> Text,
        read_status -> Bool,
        client_message_id -> Nullable<Text>,
        creator -> Text,
        create_time -> Timestamp,
        updater -> Text,
        update_time -> Timestamp,
        deleted -> Bool,
        tenant_id -> BigInt,
        task_id -> Nullable<BigInt>,
    }
}

diesel::table! {
    kefu_member (id) {
        id -> BigInt,
        user_id -> BigInt,
        external_id -> Text,
        nickname -> Text,
        avatar -> Text,
        status -> Integer,
        creator -> Text,
        create_time -> Timestamp,
        updater -> Text,
        update_time -> Timestamp,
        deleted -> Bool,
        tenant_id -> BigInt,
        profile_time -> Nullable<Timestamp>,
        logout_time -> Nullable<Timestamp>,
        blocked -> Bool,
        block_reason -> Nullable<Text>,
        attributes -> Nullable<Text>,
        exclusive_agent_id -> Nullable<BigInt>,
    }
}

diesel::table! {
    kefu_member_word (tenant_id, word, user_id) {
        tenant_id -> BigInt,
        word -> Text,
        user_id -> BigInt,
        creator -> Text,
        create_time -> Timestamp,
        updater -> Text,
        update_time -> Timestamp,
        deleted -> Bool,
    }
}

diesel::table! {
    kefu_member_token (token_hash) {
        token_hash -> Text,
        user_id -> BigInt,
        expires_time -> Timestamp,
        creator -> Text,
        create_time -> Timestamp,
        updater -> Text,
        update_time -> Timestamp,
        deleted -> Bool,
        tenant_id -> BigInt,
    }
}

diesel::table! {
    kefu_admin (id) {
        id -> BigInt,
        username -> Text,
        password_hash -> Text,
        nickname -> Text,
        avatar -> Text,
        role -> Text,
        status -> Integer,
        creator -> Text,
        create_time -> Timestamp,
        updater -> Text,
        update_time -> Timestamp,
        deleted -> Bool,
        tenant_id -> BigInt,
        kind -> Integer,
        email -> Text,
        mobile -> Text,
        remark -> Text,
        external_id -> Nullable<Text>,
        totp_secret -> Nullable<Text>,
        totp_pending -> Nullable<Text>,
        totp_step -> BigInt,
        recovery_codes -> Nullable<Text>,
    }
}

diesel::table! {
    kefu_login (id) {
        id -> BigInt,
        user_id -> BigInt,
        user_type -> Integer,
        generation -> BigInt,
        revoked -> Bool,
        expires_time -> Timestamp,
        creator -> Text,
        create_time -> Timestamp,
        updater -> Text,
        update_time -> Timestamp,
        deleted -> Bool,
        tenant_id -> BigInt,
        device -> Text,
        address -> Text,
        last_used_time -> Nullable<Timestamp>,
        channel_id -> Nullable<BigInt>,
        rotated_time -> Nullable<Timestamp>,
    }
}

diesel::table! {
    kefu_revocation (id) {
        id -> BigInt,
        user_id -> BigInt,
        user_type -> Integer,
        login_id -> Nullable<BigInt>,
        token_hash -> Nullable<Text>,
        expires_time -> Timestamp,
        creator -> Text,
        create_time -> Timestamp,
        updater -> Text,
        update_time -> Timestamp,
        deleted -> Bool,
        tenant_id -> BigInt,
        issued_until -> Nullable<Timestamp>,
        reason -> Integer,
    }
}

diesel::table! {
    kefu_file (id) {
        id -> BigInt,
        path -> Text,
        name -> Text,
        content_type -> Text,
        size -> BigInt,
        user_id -> BigInt,
        user_type -> Integer,
        creator -> Text,
        create_time -> Timestamp,
        updater -> Text,
        update_time -> Timestamp,
        deleted -> Bool,
        tenant_id -> BigInt,
    }
}

diesel::table! {
    kefu_job (id) {
        id -> BigInt,
        kind -> Text,
        key -> Text,
        payload -> Text,
        state -> Integer,
        run_at -> Timestamp,
        requests -> BigInt,
        attempts -> Integer,
        lease -> BigInt,
        leased_until -> Nullable<Timestamp>,
        last_error -> Text,
        creator -> Text,
        create_time -> Timestamp,
        updater -> Text,
        update_time -> Timestamp,
        deleted -> Bool,
        tenant_id -> BigInt,
    }
}

diesel::table! {
    kefu_tenant (id) {
        id -> BigInt,
        settings -> Text,
        change_no -> BigInt,
        creator -> Text,
        create_time -> Timestamp,
        updater -> Text,
        update_time -> Timestamp,
        deleted -> Bool,
        tenant_id -> BigInt,
    }
}

diesel::table! {
    kefu_channel (id) {
        id -> BigInt,
        kind -> Text,
        name -> Text,
        channel_key -> Text,
        enabled -> Bool,
        settings -> Text,
        creator -> Text,
        create_time -> Timestamp,
        updater -> Text,
        update_time -> Timestamp,
        deleted -> Bool,
        tenant_id -> BigInt,
    }
}

diesel::table! {
    kefu_visitor (id) {
        id -> BigInt,
        channel_id -> BigInt,
        page_url -> Text,
        page_title -> Text,
        page_time -> Nullable<Timestamp>,
        creator -> Text,
        create_time -> Timestamp,
        updater -> Text,
        update_time -> Timestamp,
        deleted -> Bool,
        tenant_id -> BigInt,
    }
}

diesel::table! {
    kefu_role (id) {
        id -> BigInt,
        code -> Text,
        name -> Text,
        sort -> Integer,
        status -> Integer,
        kind -> Integer,
        permissions -> Text,
        second_factor -> Bool,
        remark -> Text,
        creator -> Text,
        create_time -> Timestamp,
        updater -> Text,
        update_time -> Timestamp,
        deleted -> Bool,
        tenant_id -> BigInt,
    }
}

diesel::table! {
    kefu_admin_role (admin_id, role_id) {
        admin_id -> BigInt,
        role_id -> BigInt,
        creator -> Text,
        create_time -> Timestamp,
        updater -> Text,
        update_time -> Timestamp,
        deleted -> Bool,
        tenant_id -> BigInt,
    }
}

diesel::table! {
    kefu_group (id) {
        id -> BigInt,
        name -> Text,
        policy -> Text,
        capacity -> Integer,
        strict -> Bool,
        priority -> Integer,
        calendar_id -> Nullable<BigInt>,
        fallback_group_id -> Nullable<BigInt>,
        off_duty -> Text,
        max_waiting -> Integer,
        creator -> Text,
        create_time -> Timestamp,
        updater -> Text,
        update_time -> Timestamp,
        deleted -> Bool,
        tenant_id -> BigInt,
    }
}

diesel::table! {
    kefu_group_member (group_id, admin_id) {
        group_id -> BigInt,
        admin_id -> BigInt,
        level -> Integer,
        is_lead -> Bool,
        excluded -> Bool,
        creator -> Text,
        create_time -> Timestamp,
        updater -> Text,
        update_time -> Timestamp,
        deleted -> Bool,
        tenant_id -> BigInt,
    }
}

diesel::table! {
    kefu_agent (id) {
        id -> BigInt,
        capacity -> Nullable<Integer>,
        creator -> Text,
        create_time -> Timestamp,
        updater -> Text,
        update_time -> Timestamp,
        deleted -> Bool,
        tenant_id -> BigInt,
        duty -> Nullable<Integer>,
        duty_since -> Nullable<Timestamp>,
        offline_since -> Nullable<Timestamp>,
    }
}

diesel::table! {
    kefu_api_key (id) {
        id -> BigInt,
        name -> Text,
        secret_hash -> Text,
        scopes -> Text,
        admin_id -> BigInt,
        last_used_time -> Nullable<Timestamp>,
        creator -> Text,
        create_time -> Timestamp,
        updater -> Text,
        update_time -> Timestamp,
        deleted -> Bool,
        tenant_id -> BigInt,
    }
}

diesel::table! {
    kefu_audit (id) {
        id -> BigInt,
        admin_id -> BigInt,
        actor -> Text,
        action -> Text,
        object_type -> Text,
        object_id -> Text,
        before_value -> Nullable<Text>,
        after_value -> Nullable<Text>,
        address -> Text,
        creator -> Text,
        create_time -> Timestamp,
        updater -> Text,
        update_time -> Timestamp,
        deleted -> Bool,
        tenant_id -> BigInt,
    }
}

diesel::table! {
    kefu_task (id) {
        id -> BigInt,
        conversation_id -> BigInt,
        open_conversation_id -> Nullable<BigInt>,
        user_id -> BigInt,
        channel_id -> Nullable<BigInt>,
        kind -> Integer,
        wanted_agent_id -> Nullable<BigInt>,
        state -> Integer,
        agent_id -> Nullable<BigInt>,
        group_id -> Nullable<BigInt>,
        first_seq -> BigInt,
        last_seq -> Nullable<BigInt>,
        queued_at -> Timestamp,
        waiting_since -> Nullable<Timestamp>,
        assigned_at -> Nullable<Timestamp>,
        accepted_at -> Nullable<Timestamp>,
        first_reply_at -> Nullable<Timestamp>,
        ended_at -> Nullable<Timestamp>,
        end_reason -> Nullable<Text>,
        ended_by -> Nullable<BigInt>,
        transfer_reason -> Nullable<Text>,
        transfers -> Integer,
        reassigns -> Integer,
        version -> Integer,
        due_at -> Nullable<Timestamp>,
        creator -> Text,
        create_time -> Timestamp,
        updater -> Text,
        update_time -> Timestamp,
        deleted -> Bool,
        tenant_id -> BigInt,
    }
}

diesel::table! {
    kefu_node (node) {
        node -> BigInt,
        lease_until -> Timestamp,
        creator -> Text,
        create_time -> Timestamp,
        updater -> Text,
        update_time -> Timestamp,
        deleted -> Bool,
        tenant_id -> BigInt,
    }
}

diesel::table! {
    kefu_agent_socket (admin_id, node) {
        admin_id -> BigInt,
        node -> BigInt,
        creator -> Text,
        create_time -> Timestamp,
        updater -> Text,
        update_time -> Timestamp,
        deleted -> Bool,
        tenant_id -> BigInt,
    }
}

diesel::allow_tables_to_appear_in_same_query!(
    kefu_admin,
    kefu_admin_role,
    kefu_agent,
    kefu_agent_socket,
    kefu_api_key,
    kefu_audit,
    kefu_channel,
    kefu_conversation,
    kefu_file,
    kefu_group,
    kefu_group_member,
    kefu_id_block,
    kefu_job,
    kefu_login,
    kefu_member,
    kefu_member_token,
    kefu_member_word,
    kefu_message,
    kefu_node,
    kefu_revocation,
    kefu_role,
    kefu_task,
    kefu_tenant,
    kefu_visitor,
);
