"""The verbs of work that can be undertaken or asked for, in English and Chinese, as regular expressions."""

from __future__ import annotations

DO = (
    r"(?:send|copy|include|type|attach|cc|mail|interact with|coordinate|look at|prepare|write|draft|check|find (?:out|a|the|"
    r"some)|ask|talk (?:to|with)|speak (?:to|with)|e-?mail|call|phone|"
    r"ring|schedule|set (?:up|a)"
    r"|arrange|organi[sz]e|book|fix|update|upload|review|share|circulate|finish|complete|finali[sz]e|look (?:into|after|up)|"
    r"get (?:back|in touch|hold|you|the|it|that|some|a|an|them|everything|started on)"
    r"|follow up|chase|order|submit|file|investigate|document|test|deploy|release|create|make (?:sure|a|the|an|some)|contact|"
    r"confirm|work on|design|put (?:together|up|in|it|that|a|the)"
    r"|take (?:care|charge|over|that|this|it|notes|minutes|the lead|on)|handle|deal with|bring|provide|deliver|forward|sign|"
    r"pay|transfer|register|report|research|collect|gather|compile|summari[sz]e"
    r"|translate|implement|build|add|remove|change|revise|redo|rewrite|edit|post|publish|print|install|configure|reach out|"
    r"touch base|meet|ping|remind|invite|let (?:\w+ ){1,3}know"
    r"|draw up|sort|track|monitor|verify|double[- ]check|read|study|negotiate|approve|hire|recruit|raise|escalate|do (?:it|"
    r"that|this|the|some|a|my|your|our)|give (?:you|me|him|her|them|us) (?:a|an|the|my|your|some|all|more|written)"
    r"|liaise|consult|clarify|calculate|compare|analy[sz]e|evaluate|present|attend|apply|replace|return|move|reschedule|"
    r"cancel|hand in|write up|run|buy|pick up|cover|propose|come up with|keep (?:me|us|you|them|a|the|all|track|an eye))\b"
)
CHINESE_VERBS = (
    r"寄|發(?:給|送|出|信|郵件|mail|email|布|一份|一個|個|到)|傳(?:給|送|一份|真|過去|上來)|提供|準備|整理|確認|聯絡|聯繫|"
    r"聯系|安排|更新|提交|完成|測試|追蹤|跟進|跟催|回覆|回復|檢查|修改|修正|修訂"
    r"|補(?:上|齊|充資料|件|交|正|簽)|繳(?!獲)|交(?:給|出|付|件|上來|報告|由)|送(?:給|件|出|審|到|過去)|申請|通知|約(?!束|"
    r"定俗|莫|略|佔|有|為|\d)|訂(?:出|位|房|購|好|一個)|預約|簽(?:名|署|回|約|好|收|核)|付款|匯款|付(?:清|錢|訂金)"
    r"|查(?:一下|清|看|詢|核|證|到)|研究(?:一下|看看|.{0,8}(?:方案|可行))|撰寫|寫(?:一份|好|成|個|信|封|一個|報告)|擬(?:一份|"
    r"定|好|出|訂|稿)?|起草|製作|做(?:一份|好|完|出來|一版|個表|簡報|報表)|開(?:票|立|單|一張|一個會|個會)"
    r"|調整(?!期)|上傳|下載|列(?:出|印|表|一個|一份)|評估|規劃|處理|協調|協助|詢問|請教|問(?:一下|清楚|看看|他|她|客戶|廠商|"
    r"法務|會計)|比價|報價|核對|對帳|蒐集|收集|彙整|統整|設定|部署|上線|修復|修好"
    r"|排(?:時間|期|程|會議|一個|個時間)|轉(?:達|給|交|寄|告)|溝通|回報|呈報|提出(?:申請|報告|方案|計畫|清單|名單)|提(?:案|"
    r"交|告)|起訴|存證信函|備份|存檔|帶(?:來|過來|齊|上)|拿(?:來|過來|到|給)|填(?:寫|好|妥|完)|採購|下單|出貨|安裝"
    r"|練習|複習|預習|閱讀|讀完|追加|召開|邀請|公告|宣布|發布|支援|檢討|盤點|檢視|審(?:核|查|閱)|投保|報名|登記|歸還|改(?:成|"
    r"好|掉|過來|一下)|加(?:上|進去|到|入)|刪(?:掉|除)|換(?:成|掉|新)|打(?:電話|給)|致電|拜訪|出席|跑(?:一次|一遍)|錄(?:製|"
    r"好)"
)
CHINESE_DO = rf"(?:{CHINESE_VERBS})"
