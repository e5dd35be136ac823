-- Of its own row a request writes nothing but its name: whoever locks it needs the right to change one column.
revoke update on tenants from audio2txt_tenant;
grant update (name) on tenants to audio2txt_tenant;
