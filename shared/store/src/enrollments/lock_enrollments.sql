-- $1 tenant, $2 enrollments. In id order, as every statement that takes several.
SELECT e.id, e.campaign_id, e.contact_id, e.plan_hash, e.address, e.secret, e.state, e.engine, e.reply_to, e.headers, e.tags,
       e.data, c.name AS campaign_name, c.sender_id AS campaign_sender, c.reply_to AS campaign_reply_to,
       c.state AS campaign_state, k.name AS contact_name, k.external_id, k.owner, k.data AS contact_data
FROM enrollments e
JOIN campaigns c ON c.id = e.campaign_id
LEFT JOIN contacts k ON k.tenant_id = e.tenant_id AND k.id = e.contact_id
WHERE e.tenant_id = $1 AND e.id = ANY($2)
ORDER BY e.id
FOR UPDATE OF e
