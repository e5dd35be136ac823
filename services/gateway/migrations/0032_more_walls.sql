-- The wall before tables that were made beside it.
call keep_apart('users');
call keep_apart('sign_ins');
call keep_apart('retention');
call keep_apart('job_labels');
call keep_apart('job_changes');
