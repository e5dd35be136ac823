"""Words that say nothing about what a recording is about: those of grammar, and those of speaking."""

from __future__ import annotations


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


ENGLISH = _words(
    """
    hundred hundreds thousand thousands million millions billion dozen half seven eight nine eleven twelve twenty thirty
    forty fifty sixty seventy eighty ninety third fourth fifth quarter percent a about above across actually after again
    against ah ahead ain't all almost along already alright also although always am an and another any anybody anyone
    anything anyway apart are aren't around as ask asked asking at away back basically be because become been before
    behind being believe below better between big bit both bring but by bye call called came can can't cannot cause 'cause
    certain certainly clear clearly come comes coming could couldn't couple course cup day days definitely did didn't
    different do does doesn't doing don't done down during each eh either else end enough er especially etc even ever
    every everybody everyone everything exactly example fact fairly far feel few fine first five for four from full
    further gave get gets getting give given gives giving go god goes going gone gonna good got gotta great guess guy guys
    had hadn't happen happened happens happy hard has hasn't have haven't having he he'd he'll he's hear heard hello help
    her here here's hers herself hey hi him himself his hm hmm hold hope how however huh i i'd i'll i'm i've idea if
    important in indeed instead interesting into is isn't issue it it'd it'll it's its itself just keep kind kinda knew
    know known last later least left less let let's like likely little ll long look looked looking looks lot lots love
    made main make makes making many matter may maybe me mean means meant might mind mine minute minutes mm mm-hmm mmm
    moment more morning most mostly much must my myself name near necessarily need needed needs never new next nice no
    nobody none nope nor not nothing now number obviously of off often oh ok okay old on once one ones only onto oops open
    or other others otherwise ought our ours ourselves out over own part particular particularly past people perfect
    perhaps person place please plus point points possible possibly pretty probably problem put quite quick quickly rather
    re read ready real really reason remember right said same saw say saying says second see seem seems seen sense set
    several shall she she'll she's should shouldn't show side simply since sir six small so some somebody somehow someone
    something sometimes somewhere soon sorry sort sorta sound sounds speak start started starting still stuff such suppose
    supposed sure take taken takes taking talk talked talking tell ten term terms than thank thanks that that'd that'll
    that's the their theirs them themselves then there there'd there'll there's therefore these they they'd they'll
    they're they've thing things think thinking this those though thought three through thus till time times to today
    together told too took top totally toward towards tried true try trying turn two type uh uh-huh um um-hmm umm under
    understand until up upon us use used useful uses using usually ve very via want wanted wants was wasn't way ways we
    we'd we'll we're we've welcome well went were weren't what what'd what'll what's whatever when whenever where wherever
    whether which while who who's whole whoever whom whose why will wise wish kay with within without won't word words
    work wow would wouldn't ya yeah year years yep yes yesterday yet you you'd you'll you're you've your yours yourself
    yourselves yup afternoon evening gentlemen ladies somewhat sort-of kind-of blah bless excuse pardon alrighty cool yay
    """
)

CHINESE = _words(
    """
    我們 你們 他們 她們 它們 咱們 大家 各位 自己 人家 別人 有人 有的 有些 這個 那個 這些 那些 這樣 那樣 這種 那種 這裡 那裡
    這邊 那邊 這麼 那麼 這樣子 那樣子 這個樣子 這時候 那時候 這時 那時 這次 這一次 這一塊 那一塊 這塊 這方面 什麼 怎麼 怎麼樣
    為什麼 怎樣 如何 哪些 哪個 哪裡 多少 幾個 兩個 三個 四個 五個 一個 一些 一下 一樣 一點 一種 一定 一直 一起 一般 一方面
    一方 一邊 一開始 一下子 每個 每次 各個 第一 第二 第三 第四 第五 第一個 第二個 第三個 首先 其次 最後 然後 接著 接下來 之後
    以後 後來 後面 之前 以前 前面 剛才 剛剛 現在 今天 當時 目前 同時 時候 時間 時 年 月 日 天 號 點 次 位 個 件 塊 下 上 裡面
    裏面 外面 上面 下面 中間 當中 其中 之間 左右 大概 大約 差不多 可能 也許 或許 應該 必須 需要 可以 能夠 能 可 會 不會 要
    不要 想 想要 希望 覺得 認為 感覺 知道 了解 理解 明白 看到 看看 看見 聽到 聽聽 聽說 說 說到 講 講到 談 談到 聊 聊聊 提到
    說明 發現 出來 起來 下來 下去 過來 過去 進來 進去 回來 回去 出去 上來 上去 來說 來講 來看 來看看 而言 的話 對於 關於 由於
    因為 所以 因此 於是 但是 可是 不過 然而 而且 並且 以及 或者 還是 還有 另外 此外 如果 假如 要是 只要 只有 除了 除非 無論
    不管 不論 雖然 儘管 即使 就算 就是 就是說 也就是說 也就是 不是 是不是 對不對 好不好 有沒有 能不能 可不可以 要不要 會不會
    沒有 不能 不用 不太 不同 不僅 不但 不只 沒辦法 其實 實際上 事實上 基本上 當然 真的 真正 非常 特別 比較 相對 更加 更 最
    很多 許多 大量 所有 全部 整個 任何 某個 某些 其他 別的 部分 方面 東西 事情 事 問題 情況 狀況 地方 過程 結果 原因 方式 方法
    意思 感謝 謝謝 多謝 不好意思 抱歉 對不起 您好 你好 大家好 早安 午安 晚安 再見 好的 好吧 對吧 是吧 對啊 是啊 沒錯 沒關係
    沒問題 請問 歡迎 有請 掌聲 老師 先生 小姐 女士 嘉賓 主持人 觀眾 朋友 朋友們 同學 同學們 開始 進行 進入 成為 變成 變得 作為
    當作 叫做 叫作 屬於 包括 包含 例如 比如 比如說 比方說 譬如 像是 好像 似乎 甚至 尤其 特別是 至少 至於 起碼 反正 總之
    總的來說 換句話說 等等 之類 左右 已經 曾經 正在 將來 未來 馬上 立刻 才能 才會 一旦 不斷 慢慢 逐漸 越來越 通過 透過 根據
    按照 依照 為了 作用 使用 利用 用到 做到 做出 去做 來做 得到 拿到 找到 遇到 達到 帶來 形成 產生 給到 看出 想到 稍微 稍後
    完全 絕對 直接 簡單 簡單來說 重要 主要 關鍵 好 壞 大 小 多 少 高 低 新 舊 長 短 呃 嗯 啊 哦 喔 噢 欸 誒 嘛 呢 吧 嗎 啦 哈
    唉 嗯嗯 對對 對對對 好好 是的 是是 那就 這就 就會 也會 還會 都會 都是 也是 還是 就要 才是 而是 只是 算是 說是 這是 那是
    它是 他是 我是 你是 我的 你的 他的 她的 它的 我們的 你們的 他們的 大家的 自己的 我想 我覺得 我認為 我說 你說 他說 你看
    你想 讓我 讓我們 給我 給我們 跟我們 分享 介紹 討論 問 答 回答 問一下 說一下 講一下 看一下 聊一下 談一下 提出 表示 覺得說
    想說 聽起來 看起來 實在 到底 究竟 難道 居然 竟然 果然 有點 有點像 有時 有時候 經常 常常 往往 總是 從來 永遠 再 又 還 也 都
    就 才 只 僅 太 很 挺 蠻 滿 那 這 哪 誰 何 些 每 某 各 另 別 本 該 百分之 一百 一千 一萬 幾十 幾百 幾千 幾萬 十幾 數 十分
    分鐘 小時 一年 兩年 三年 去年 今年 明年 個人 兩 三 四 五 六 七 八 九 十 百 千 萬 億 那種 它會 我會 你會 他會 這件 這件事
    這件事情 不知道 沒什麼 什麼的 什麼樣 這麼多 那麼多 多一點 有一個 是一個 做一個 有一些 這一個 那一個
    """
)
