(function () {
  "use strict";
  var focusable = function (list) { return Array.prototype.slice.call(list.querySelectorAll(".tok")); };
  document.querySelectorAll(".listing").forEach(function (list) {
    var tokens = focusable(list);
    tokens.forEach(function (token, index) { token.tabIndex = index ? -1 : 0; });
    list.addEventListener("keydown", function (event) {
      var here = tokens.indexOf(document.activeElement);
      if (here < 0) { return; }
      if (event.key === "Escape") { tokens[here].blur(); return; }
      var to = { ArrowRight: here + 1, ArrowLeft: here - 1, Home: 0, End: tokens.length - 1 }[event.key];
      if (event.key === "ArrowDown" || event.key === "ArrowUp") {
        var step = event.key === "ArrowDown" ? 1 : -1;
        for (to = here + step; tokens[to] && !tokens[to].classList.contains("fork"); to += step) {}
      }
      if (to === undefined || !tokens[to]) { return; }
      event.preventDefault();
      tokens[here].tabIndex = -1;
      tokens[to].tabIndex = 0;
      tokens[to].focus();
    });
  });
  document.documentElement.classList.add("scripted");
})();
